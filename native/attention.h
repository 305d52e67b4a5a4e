// Attention: softmax(q k' / sqrt(d)) v for every sample and head, the scores of few queries at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "call.h"
#include "memory.h"
#include "parallel.h"
#include "products.h"
#include "values.h"

/** Rows [n, length, heads, d], of which an item is one sample's and one head's. */
struct Heads {
  Index n, heads, d, queries, keys;

  Heads(Index n, Index heads, const Shape& q, const Shape& k)
      : n(n), heads(heads), d(q.back() / heads), queries(size(q) / n / q.back()), keys(size(k) / n / k.back()) {}
  Index width() const { return heads * d; }
  /** Where an item begins in a tensor whose samples have `length` rows. */
  Index at(Index item, Index length) const { return item / heads * length * width() + item % heads * d; }
};

/** Queries whose scores are held at once. */
constexpr Index kQueries = 4 * products::kRows;

/** Rows of `width` values, transposed: [d, wideEnough(count)], zeros behind. */
class TransposedHead {
 public:
  TransposedHead(const float* x, Index count, Index width, Index d)
      : wide_(products::wideEnough(count)), values_(d * wide_, 0.f), matrix(values_.data(), 1, d, wide_, wide_) {
    for (Index r = 0; r < count; r++)
      for (Index i = 0; i < d; i++) values_[i * wide_ + r] = x[r * width + i];
  }

 private:
  Index wide_;
  std::vector<float> values_;

 public:
  const Matrices matrix;
};

/** y[r] = x[r] matrix for `count` rows that lie so far apart; added to y where `adds`. */
inline void rowsTimes(const float* x, Index xStride, float* y, Index yStride, Index count, const Matrices& matrix,
                      bool adds = false) {
  products::Row rows[kQueries];
  const products::Tap tap = matrix.tap(0);
  for (Index first = 0; first < count; first += kQueries) {
    const Index part = std::min(kQueries, count - first);
    for (Index r = 0; r < part; r++) {
      float* to = y + (first + r) * yStride;
      rows[r] = {x + (first + r) * xStride, to, adds ? to : nullptr};
    }
    matrix.multiply(rows, 0, part, &tap, 1, {nullptr, false});
  }
}

/** Softmax of scale x, in place. */
inline void softmax(float* x, Index count, float scale) {
  float most[products::kLanes];
  std::fill_n(most, products::kLanes, x[0]);
  Index i = 0;
  for (; i + products::kLanes <= count; i += products::kLanes)
    for (int l = 0; l < products::kLanes; l++) most[l] = most[l] > x[i + l] ? most[l] : x[i + l];
  for (; i < count; i++) most[0] = std::max(most[0], x[i]);
  const float largest = *std::max_element(most, most + products::kLanes);
  float sum = 0;
  for (i = 0; i < count; i++) {
    x[i] = exponential((x[i] - largest) * scale);
    sum += x[i];
  }
  const float share = 1.f / sum;
  for (i = 0; i < count; i++) x[i] *= share;
}

struct Attention {
  Index heads, samples;
  explicit Attention(const Attributes& given) : heads(given.integer("heads")), samples(given.integer("samples")) {}
};

// q, k, v -> y
inline void attention(const Attention& options, Call& call) {
  const auto shape = call.shape(0);
  const Heads sizes(options.samples, options.heads, shape, call.shape(1));
  const float *q = call.input(0), *k = call.input(1), *v = call.input(2);
  float* y = call.output(0, shape);
  const Index d = sizes.d, width = sizes.width(), t = sizes.queries, s = sizes.keys;
  const float scale = 1.f / std::sqrt(static_cast<float>(d));
  parallel(sizes.n * sizes.heads, t * s * 4 * d / kOperationsAValue, [&](Index from, Index to) {
    const Index wide = products::wideEnough(s);
    Aligned scores(kQueries * wide);
    for (Index item = from; item < to; item++) {
      const TransposedHead keys(k + sizes.at(item, s), s, width, d);
      const Matrices values(v + sizes.at(item, s), 1, s, d, width);
      for (Index first = 0; first < t; first += kQueries) {
        const Index count = std::min(kQueries, t - first), at = sizes.at(item, t) + first * width;
        rowsTimes(q + at, width, scores.data(), wide, count, keys.matrix);
        for (Index r = 0; r < count; r++) softmax(scores.data() + r * wide, s, scale);
        rowsTimes(scores.data(), wide, y + at, width, count, values);
      }
    }
  });
}

// dy, q, k, v -> dq, dk, dv; the weights are computed anew
inline void attentionGradient(const Attention& options, Call& call) {
  const auto shape = call.shape(1), keyShape = call.shape(2);
  const Heads sizes(options.samples, options.heads, shape, keyShape);
  const float *dy = call.input(0), *q = call.input(1), *k = call.input(2), *v = call.input(3);
  float *dq = call.output(0, shape), *dk = call.output(1, keyShape), *dv = call.output(2, keyShape);
  const Index d = sizes.d, width = sizes.width(), t = sizes.queries, s = sizes.keys;
  const float scale = 1.f / std::sqrt(static_cast<float>(d));
  parallel(sizes.n * sizes.heads, t * s * 10 * d / kOperationsAValue, [&](Index from, Index to) {
    const Index wide = products::wideEnough(s);
    Aligned weights(kQueries * wide), slopes(kQueries * wide), turned(s * kQueries);
    const auto turn = [&](Aligned& x, Index count) {
      for (Index r = 0; r < count; r++)
        for (Index j = 0; j < s; j++) turned.data()[j * kQueries + r] = x.data()[r * wide + j];
    };
    for (Index item = from; item < to; item++) {
      const Index head = sizes.at(item, s);
      const TransposedHead keys(k + head, s, width, d);
      const TransposedHead values(v + head, s, width, d);
      const Matrices keyRows(k + head, 1, s, d, width);
      for (Index first = 0; first < t; first += kQueries) {
        const Index count = std::min(kQueries, t - first), at = sizes.at(item, t) + first * width;
        rowsTimes(q + at, width, weights.data(), wide, count, keys.matrix);
        rowsTimes(dy + at, width, slopes.data(), wide, count, values.matrix);
        for (Index r = 0; r < count; r++) {
          float *p = weights.data() + r * wide, *slope = slopes.data() + r * wide, along = 0;
          softmax(p, s, scale);
          for (Index j = 0; j < s; j++) along += p[j] * slope[j];
          for (Index j = 0; j < s; j++) slope[j] = p[j] * (slope[j] - along) * scale;
        }
        rowsTimes(slopes.data(), wide, dq + at, width, count, keyRows);
        turn(slopes, count);
        const Matrices queries(q + at, 1, count, d, width), gradients(dy + at, 1, count, d, width);
        rowsTimes(turned.data(), kQueries, dk + head, width, s, queries, first > 0);
        turn(weights, count);
        rowsTimes(turned.data(), kQueries, dv + head, width, s, gradients, first > 0);
      }
    }
  });
}
