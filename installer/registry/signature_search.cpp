#include "registry/signature_search.hpp"

#include <utility>

namespace overdrive {

bool SignatureSearch::take(std::size_t rank, std::vector<SignatureLayer> layers) {
    if (layers.empty()) return false;
    by_rank_[rank] = std::move(layers);
    if (!enough_) return false;
    std::size_t count = 0;
    for (const auto& [of, there] : by_rank_) count += there.size();
    // Whoever can push can push any number: beyond the limit no payload is fetched before the last place has said which
    // ones count.
    return count <= kMostSignatures && enough_(found());
}

std::vector<ImageSignature> SignatureSearch::found() {
    std::vector<const SignatureLayer*> layers;
    for (const auto& [rank, there] : by_rank_)
        for (const SignatureLayer& layer : there) layers.push_back(&layer);
    if (layers.size() > kMostSignatures)
        layers.erase(layers.begin(), layers.end() - static_cast<std::ptrdiff_t>(kMostSignatures));
    std::vector<ImageSignature> signatures;
    for (const SignatureLayer* layer : layers) signatures.push_back({payload_of(*layer), layer->base64});
    return signatures;
}

std::string SignatureSearch::payload_of(const SignatureLayer& layer) {
    if (layer.payload) return *layer.payload;
    const auto known = payloads_.find(layer.digest.text());
    if (known != payloads_.end() && known->second.size() == layer.size) return known->second;
    return payloads_.insert_or_assign(layer.digest.text(), fetch_(layer)).first->second;
}

}  // namespace overdrive
