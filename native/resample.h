// Resampling along an axis: a product with a matrix whose rows are zero but for a few values beside one another.
#pragma once

#include <algorithm>
#include <vector>

#include "call.h"
#include "parallel.h"

struct Resample {
  Index axis;
  bool transposed;
  explicit Resample(const Attributes& given) : axis(given.integer("axis")), transposed(given.flag("transposed")) {}
};

// x [..., inputs, ...], matrix [outputs, inputs] -> y [..., outputs, ...], or back where transposed
inline void resample(const Resample& options, Call& call) {
  auto shape = call.shape(0);
  const auto matrixShape = call.shape(1);
  const Index outputs = matrixShape[0], inputs = matrixShape[1];
  const float *x = call.input(0), *matrix = call.input(1);
  Index outer = 1, inner = 1;
  for (Index k = 0; k < static_cast<Index>(shape.size()); k++)
    if (k != options.axis) (k < options.axis ? outer : inner) *= shape[k];
  const Index from = options.transposed ? outputs : inputs, to = options.transposed ? inputs : outputs;
  if (shape[options.axis] != from) call.refuse("an axis", from, shape[options.axis]);
  shape[options.axis] = to;
  float* y = call.output(0, shape);

  std::vector<Index> first(outputs), end(outputs);
  for (Index i = 0; i < outputs; i++) {
    const float* row = matrix + i * inputs;
    const auto isSet = [](float weight) { return weight != 0.f; };
    first[i] = std::find_if(row, row + inputs, isSet) - row;
    end[i] = inputs;
    while (end[i] > first[i] && !isSet(row[end[i] - 1])) end[i]--;
  }
  parallel(outer, to * inner, [&](Index begin, Index stop) {
    std::fill(y + begin * to * inner, y + stop * to * inner, 0.f);
    for (Index o = begin; o < stop; o++)
      for (Index i = 0; i < outputs; i++)
        for (Index k = first[i]; k < end[i]; k++) {
          const float weight = matrix[i * inputs + k];
          const float* __restrict in = x + (o * from + (options.transposed ? i : k)) * inner;
          float* __restrict out = y + (o * to + (options.transposed ? k : i)) * inner;
          for (Index c = 0; c < inner; c++) out[c] += weight * in[c];
        }
  });
}
