// A step of AdamW, and moving averages.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "call.h"
#include "parallel.h"

// weights, gradient, first, second, mask, (beta1, beta2, epsilon, rate, decay, clip norm) -> weights, first, second, norm
inline void adamW(const NoOptions&, Call& call) {
  const auto shape = call.shape(0);
  const Index count = size(shape);
  const float *w = call.input(0), *g = call.input(1), *m = call.input(2), *v = call.input(3), *mask = call.input(4);
  const float* option = call.input(5);
  const float beta1 = option[0], beta2 = option[1], epsilon = option[2], rate = option[3], decay = option[4];
  float *nextW = call.output(0, shape), *nextM = call.output(1, shape), *nextV = call.output(2, shape);
  float* norm = call.output(3, {});
  constexpr Index stretch = 1 << 12;  // summed in float32, then in float64
  // Summed in one order, whichever core is done first: training goes on bit for bit.
  std::vector<float> partial((count + stretch - 1) / stretch, 0.f);
  parallel(static_cast<Index>(partial.size()), stretch, [&](Index from, Index to) {
    for (Index s = from; s < to; s++) {
      float part = 0;
      for (Index i = s * stretch; i < std::min(count, (s + 1) * stretch); i++) part += g[i] * g[i];
      partial[s] = part;
    }
  });
  *norm = static_cast<float>(std::sqrt(std::accumulate(partial.begin(), partial.end(), 0.0)));
  const float clip = std::min(1.f, option[5] / (*norm + 1e-6f));
  parallel(count, 1, [&](Index from, Index to) {
    for (Index i = from; i < to; i++) {
      const float d = g[i] * clip;
      const float first = beta1 * m[i] + (1.f - beta1) * d, second = beta2 * v[i] + (1.f - beta2) * d * d;
      nextM[i] = first;
      nextV[i] = second;
      nextW[i] = w[i] * (1.f - decay * mask[i]) - rate * first / (std::sqrt(second) + epsilon);
    }
  });
}

// from, to, share -> from + share (to - from)
inline void blend(const NoOptions&, Call& call) {
  const auto shape = call.shape(0);
  const float *a = call.input(0), *b = call.input(1), share = *call.input(2);
  float* y = call.output(0, shape);
  parallel(size(shape), 1, [&](Index from, Index to) {
    for (Index i = from; i < to; i++) y[i] = a[i] + share * (b[i] - a[i]);
  });
}
