#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace overdrive {

/// Metrics in Prometheus' text format 0.0.4, as node_exporter's textfile collector reads them.
/// @see https://prometheus.io/docs/instrumenting/exposition_formats/
class MetricsText {
public:
    using Labels = std::vector<std::pair<std::string_view, std::string>>;

    /// Begins a metric: all its samples follow. @param type `gauge` or `counter`
    void begin(std::string_view name, std::string_view type, std::string_view help);
    /// Of the metric that was begun last.
    void add(const Labels& labels, double value);
    /// The same with labels as they stand in the text, `verb="install"`.
    void add(std::string_view labels, double value);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// `verb="install",reason="busy"`, with what needs it escaped.
    [[nodiscard]] static std::string written(const Labels& labels);

private:
    std::string text_;
    std::string name_;
};

/// The samples of one metric in such a text: value by labels as they stand there. Lines that are malformed are passed
/// over.
[[nodiscard]] std::map<std::string, double> read_metric(std::string_view text, std::string_view name);

}  // namespace overdrive
