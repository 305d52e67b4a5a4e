// GEGLU, and gradients of relu and of the maxima of windows.
#pragma once

#include <algorithm>
#include <vector>

#include "call.h"
#include "parallel.h"
#include "values.h"

// ---- GEGLU: x [..., 2c] = (value, gate) -> value gelu(gate) [..., c] ----

inline void gatedGelu(const NoOptions&, Call& call) {
  auto shape = call.shape(0);
  const Index c = shape.back() / 2, rows = size(shape) / (2 * c);
  const float* x = call.input(0);
  shape.back() = c;
  float* y = call.output(0, shape);
  parallel(rows, 2 * c, [&](Index from, Index to) {
    for (Index r = from; r < to; r++) {
      const float *value = x + 2 * r * c, *gate = value + c;
      for (Index k = 0; k < c; k++) {
        float distribution, density;
        normal(gate[k], distribution, density);
        y[r * c + k] = value[k] * gate[k] * distribution;
      }
    }
  });
}

// dy, x -> dx
inline void gatedGeluGradient(const NoOptions&, Call& call) {
  const auto shape = call.shape(1);
  const Index c = shape.back() / 2, rows = size(shape) / (2 * c);
  const float *dy = call.input(0), *x = call.input(1);
  float* dx = call.output(0, shape);
  parallel(rows, 2 * c, [&](Index from, Index to) {
    for (Index r = from; r < to; r++) {
      const float *value = x + 2 * r * c, *gate = value + c, *d = dy + r * c;
      float *dValue = dx + 2 * r * c, *dGate = dValue + c;
      for (Index k = 0; k < c; k++) {
        float distribution, density;
        normal(gate[k], distribution, density);
        dValue[k] = d[k] * gate[k] * distribution;
        dGate[k] = d[k] * value[k] * (distribution + gate[k] * density);
      }
    }
  });
}

// ---- Relu ----

// dy, y -> dy where y is above 0
inline void reluGradient(const NoOptions&, Call& call) {
  const auto shape = call.shape(0);
  const float *dy = call.input(0), *y = call.input(1);
  float* dx = call.output(0, shape);
  parallel(size(shape), 1, [&](Index from, Index to) {
    for (Index i = from; i < to; i++) dx[i] = y[i] > 0 ? dy[i] : 0.f;
  });
}

// ---- Maxima of windows ----

struct Pool {
  Index side, stride;
  explicit Pool(const Attributes& given) : side(given.integer("side")), stride(given.integer("stride")) {}
};

// dy [n, h', w', c], x [n, h, w, c] -> dx: each window's gradient goes to the first of its largest values
inline void maxPoolGradient(const Pool& options, Call& call) {
  const auto shape = call.shape(1), outShape = call.shape(0);
  const Index h = shape[1], w = shape[2], c = shape[3], rows = outShape[1], columns = outShape[2];
  const float *dy = call.input(0), *x = call.input(1);
  float* dx = call.output(0, shape);
  std::fill_n(dx, size(shape), 0.f);
  parallel(shape[0], rows * columns * c * options.side, [&](Index first, Index last) {
    std::vector<float> most(c);
    std::vector<int32_t> where(c);
    for (Index i = first * rows * columns; i < last * rows * columns; i++) {
      const Index image = i / (rows * columns), row = i / columns % rows * options.stride;
      const Index corner = ((image * h + row) * w + i % columns * options.stride) * c;
      std::copy_n(x + corner, c, most.data());
      std::fill(where.begin(), where.end(), 0);
      for (Index k = 1; k < options.side * options.side; k++) {
        const int32_t offset = static_cast<int32_t>((k / options.side * w + k % options.side) * c);
        const float* __restrict in = x + corner + offset;
        float* __restrict largest = most.data();
        int32_t* __restrict at = where.data();
        for (Index j = 0; j < c; j++) {
          at[j] = in[j] > largest[j] ? offset : at[j];
          largest[j] = in[j] > largest[j] ? in[j] : largest[j];
        }
      }
      for (Index j = 0; j < c; j++) dx[corner + where[j] + j] += dy[i * c + j];
    }
  });
}
