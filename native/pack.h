// Filters and weights laid out as products read them.
#pragma once

#include <algorithm>

#include "call.h"
#include "products.h"

struct Pack {
  bool transposed;
  explicit Pack(const Attributes& given) : transposed(given.flag("transposed")) {}
};

// x [..., k, columns] -> [panels, ... k, kPanel], zeros behind the last column; or of [..., columns, k] where transposed, the last
// matrix first
inline void pack(const Pack& options, Call& call) {
  const auto shape = call.shape(0);
  const Index rank = static_cast<Index>(shape.size()), height = shape[rank - 2], width = shape[rank - 1];
  const Index taps = size(shape) / (height * width);
  const Index k = options.transposed ? width : height, columns = options.transposed ? height : width;
  const Index panels = (columns + products::kPanel - 1) / products::kPanel;
  const float* x = call.input(0);
  float* y = call.output(0, {panels, taps * k, products::kPanel});
  std::fill_n(y, panels * taps * k * products::kPanel, 0.f);
  const products::Layout layout = {products::kPanel, taps * k * products::kPanel};
  for (Index t = 0; t < taps; t++, x += height * width)
    for (Index r = 0; r < height; r++)
      for (Index c = 0; c < width; c++)
        y[options.transposed ? layout.at((taps - 1 - t) * k + c, r) : layout.at(t * k + r, c)] = x[r * width + c];
}
