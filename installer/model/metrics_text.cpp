#include "model/metrics_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace overdrive {

namespace {

/// A label's value: backslash, quote and line end are escaped.
std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

bool is_name(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

/// Whether it is `name="value",...` as MetricsText writes it.
bool are_labels(std::string_view text) {
    while (true) {
        const std::size_t equals = text.find("=\"");
        if (equals == 0 || equals == std::string_view::npos) return false;
        if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equals), is_name)) return false;
        std::size_t end = equals + 2;
        while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
        if (end >= text.size()) return false;
        text.remove_prefix(end + 1);
        if (text.empty()) return true;
        if (text.front() != ',') return false;
        text.remove_prefix(1);
    }
}

}  // namespace

void MetricsText::begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::add(std::string_view labels, double value) {
    text_ += labels.empty() ? fmt::format("{} {}\n", name_, value) : fmt::format("{}{{{}}} {}\n", name_, labels, value);
}

void MetricsText::add(const Labels& labels, double value) { add(written(labels), value); }

std::string MetricsText::written(const Labels& labels) {
    std::string out;
    for (const auto& [name, value] : labels)
        out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(value));
    return out;
}

std::map<std::string, double> read_metric(std::string_view text, std::string_view name) {
    std::map<std::string, double> samples;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.starts_with(name)) continue;
        line.remove_prefix(name.size());
        const std::size_t close = line.rfind("} ");
        if (!line.starts_with('{') || close == std::string_view::npos) continue;
        const std::string_view labels = line.substr(1, close - 1);
        if (!are_labels(labels)) continue;
        const std::string_view digits = line.substr(close + 2);
        double value = 0;
        const auto [parsed, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error == std::errc{} && parsed == digits.data() + digits.size() && std::isfinite(value))
            samples.emplace(labels, value);
    }
    return samples;
}

}  // namespace overdrive
