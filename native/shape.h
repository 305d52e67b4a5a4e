// Sizes of tensors.
#pragma once

#include <cstddef>
#include <functional>
#include <numeric>
#include <vector>

/** Counts values of tensors: as wide as an address. */
using Index = std::ptrdiff_t;

using Shape = std::vector<Index>;

inline Index size(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<Index>());
}
