#include "cdi/yaml_node.hpp"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <map>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostNodes = 200'000;
constexpr int kMostDepth = 32;

std::string_view text_of(const yaml_char_t* bytes) {
    if (bytes == nullptr) return {};
    return static_cast<const char*>(static_cast<const void*>(bytes));
}

/// libyaml's event parser over text that outlives it.
class Events {
public:
    Events(std::string_view text, std::string_view name) : name_{name} {
        if (yaml_parser_initialize(&parser_) == 0) throw Error{Errc::io, "libyaml cannot be started: out of memory"};
        yaml_parser_set_input_string(&parser_, static_cast<const unsigned char*>(static_cast<const void*>(text.data())),
                                     text.size());
    }
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;
    ~Events() {
        yaml_event_delete(&event_);
        yaml_parser_delete(&parser_);
    }

    /// The next event; it lives until the next call.
    const yaml_event_t& next() {
        yaml_event_delete(&event_);
        if (yaml_parser_parse(&parser_, &event_) == 0) {
            refuse(parser_.problem_mark.line + 1, parser_.problem == nullptr ? "not readable" : parser_.problem);
        }
        return event_;
    }
    [[noreturn]] void refuse(std::size_t line, std::string_view why) const {
        throw Error{Errc::bad_manifest, fmt::format("'{}' line {}: {}", name_, line, why)};
    }

private:
    std::string name_;
    yaml_parser_t parser_{};
    yaml_event_t event_{};
};

/// How many nodes a node is, itself and all below it.
std::size_t count(const YamlNode& node) {
    std::size_t total = 1;
    for (const YamlNode& item : node.items) total += count(item);
    for (const auto& [key, value] : node.members) total += count(value);
    return total;
}

class DocumentReader {
public:
    DocumentReader(std::string_view text, std::string_view name) : events_{text, name} {}

    YamlNode read() {
        for (;;) {
            const yaml_event_t& event = events_.next();
            if (event.type == YAML_STREAM_END_EVENT) events_.refuse(1, "there is no document in it");
            if (event.type == YAML_DOCUMENT_START_EVENT) break;
        }
        return read_node(events_.next(), 0);
    }

private:
    YamlNode read_node(const yaml_event_t& event, int depth) {
        const std::size_t line = event.start_mark.line + 1;
        if (depth == kMostDepth) events_.refuse(line, "nested too deeply");
        if (++nodes_ > kMostNodes) events_.refuse(line, "too many nodes");
        YamlNode node;
        node.line = line;
        std::string anchor;
        switch (event.type) {
            case YAML_SCALAR_EVENT:
                anchor = text_of(event.data.scalar.anchor);
                node.text = {static_cast<const char*>(static_cast<const void*>(event.data.scalar.value)),
                             event.data.scalar.length};
                node.plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
                break;
            case YAML_SEQUENCE_START_EVENT:
                anchor = text_of(event.data.sequence_start.anchor);
                node.kind = YamlNode::Kind::sequence;
                read_items(node, depth);
                break;
            case YAML_MAPPING_START_EVENT:
                anchor = text_of(event.data.mapping_start.anchor);
                node.kind = YamlNode::Kind::mapping;
                read_members(node, depth);
                break;
            case YAML_ALIAS_EVENT:
                return copy_of(std::string{text_of(event.data.alias.anchor)}, line);
            default:
                events_.refuse(line, "not expected here");
        }
        if (!anchor.empty()) anchors_[anchor] = node;
        return node;
    }

    void read_items(YamlNode& node, int depth) {
        for (;;) {
            const yaml_event_t& event = events_.next();
            if (event.type == YAML_SEQUENCE_END_EVENT) return;
            node.items.push_back(read_node(event, depth + 1));
        }
    }

    void read_members(YamlNode& node, int depth) {
        for (;;) {
            const yaml_event_t& event = events_.next();
            if (event.type == YAML_MAPPING_END_EVENT) return;
            const std::size_t line = event.start_mark.line + 1;
            if (event.type != YAML_SCALAR_EVENT) events_.refuse(line, "a key must be a word");
            std::string key{static_cast<const char*>(static_cast<const void*>(event.data.scalar.value)),
                            event.data.scalar.length};
            if (!is_new(node, key)) events_.refuse(line, fmt::format("'{}' is there twice", key));
            node.members.emplace_back(std::move(key), read_node(events_.next(), depth + 1));
        }
    }

    static bool is_new(const YamlNode& node, const std::string& key) {
        return std::none_of(node.members.begin(), node.members.end(),
                            [&](const auto& member) { return member.first == key; });
    }

    YamlNode copy_of(const std::string& anchor, std::size_t line) {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) events_.refuse(line, fmt::format("nothing is anchored as '{}'", anchor));
        nodes_ += count(found->second);
        if (nodes_ > kMostNodes) events_.refuse(line, "too many nodes");
        return found->second;
    }

    Events events_;
    std::map<std::string, YamlNode> anchors_;
    std::size_t nodes_ = 0;
};

}  // namespace

bool YamlNode::is_null() const noexcept {
    return kind == Kind::scalar && plain &&
           (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL");
}

YamlNode parse_yaml(std::string_view text, std::string_view name) { return DocumentReader{text, name}.read(); }

}  // namespace overdrive
