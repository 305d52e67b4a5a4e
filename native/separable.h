// Depthwise 3 x 3 convolution, and a modulated separable convolution: channels scaled, 3 x 3 depthwise, 1 x 1 pointwise, noise, bias and leaky ReLU. What the
// depthwise part makes of a few pixels stays in the cache for the product with the pointwise weight, both ways.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "call.h"
#include "memory.h"
#include "parallel.h"
#include "products.h"

namespace separable {

using products::Vector;

/** Pixels whose product is made at once: whole tiles. */
constexpr Index kPixels = 48;
static_assert(kPixels % products::kRows == 0, "pixels fill tiles");
constexpr float kSlope = 0.2f;

inline Vector fused(Vector x, Vector w, Vector sum) { return products::multiplyAdd(x, w, sum); }
inline float fused(float x, float w, float sum) { return sum + x * w; }

inline Vector rectified(Vector x) { return x < 0.f ? Vector{} : x; }
inline float rectified(float x) { return x < 0.f ? 0.f : x; }

/** As many values as T holds. */
template <typename T>
inline T load(const float* from) {
  T values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
template <typename T>
inline void store(float* to, const T& values) {
  std::memcpy(to, &values, sizeof values);
}

/** Images [n, h, w, c] of which pixels outside are zeros. */
struct Sizes {
  Index n, h, w, c;
  explicit Sizes(const Shape& shape) : n(shape[0]), h(shape[1]), w(shape[2]), c(shape[3]) {}
  Index pixels() const { return h * w; }
};

/** Columns that P outputs beside one another are made of, at stride S. */
template <int P, int S>
constexpr int kTaken = S * (P - 1) + 3;

/** Where the pixels are that P outputs beside one another are made of, at stride S. */
template <int P, int S = 1>
struct Window {
  const float* at[3][kTaken<P, S>];

  /** @param row f(y) begins row y of the input, or is null outside the image; y and x are the first output's */
  template <typename Rows>
  Window(Rows row, Index y, Index x, Index width, Index c, const float* zeros) {
    for (int i = 0; i < 3; i++) {
      const float* begin = row(S * y + i - 1);
      for (int j = 0; j < kTaken<P, S>; j++) {
        const Index column = S * x + j - 1;
        at[i][j] = begin && column >= 0 && column < width ? begin + column * c : zeros;
      }
    }
  }
};

/** give(k, sums) for the P outputs at channels from k on, as many as T holds. @param filter [9, c] */
template <int P, typename T, int S, typename Give>
inline void correlateAt(const Window<P, S>& in, const float* filter, Index c, Index k, Give give) {
  T sum[P] = {};
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    T x[kTaken<P, S>];
#pragma GCC unroll 16
    for (int j = 0; j < kTaken<P, S>; j++) x[j] = load<T>(in.at[i][j] + k);
#pragma GCC unroll 3
    for (int t = 0; t < 3; t++) {
      const T w = load<T>(filter + (3 * i + t) * c + k);
#pragma GCC unroll 8
      for (int p = 0; p < P; p++) sum[p] = fused(x[S * p + t], w, sum[p]);
    }
  }
  give(k, sum);
}

/** The same for all channels. */
template <int P, int S, typename Give>
inline void correlate(const Window<P, S>& in, const float* filter, Index c, Give give) {
  Index k = 0;
  for (; k + products::kLanes <= c; k += products::kLanes) correlateAt<P, Vector>(in, filter, c, k, give);
  for (; k < c; k++) correlateAt<P, float>(in, filter, c, k, give);
}

/** f(integral constant P, x) for columns x.. of [from, to), four at a time while there are as many. */
template <typename F>
inline void alongRow(Index from, Index to, F f) {
  for (; from + 4 <= to; from += 4) f(std::integral_constant<int, 4>(), from);
  for (; from < to; from++) f(std::integral_constant<int, 1>(), from);
}

/** A filter [9, c] with its rows and columns in the other order. */
inline std::vector<float> turned(const float* filter, Index c) {
  std::vector<float> other(9 * c);
  for (Index t = 0; t < 9; t++) std::copy_n(filter + (8 - t) * c, c, &other[t * c]);
  return other;
}

}  // namespace separable

struct Depthwise {
  bool turned, biased, relu;
  Index stride;
  explicit Depthwise(const Attributes& given)
      : turned(given.flag("turned")),
        biased(given.flag("biased")),
        relu(given.flag("relu")),
        stride(given.integer("stride")) {}
};

// x [n, h, w, c], filter [3, 3, c, 1], which may be turned first, bias [c] -> y [n, ceil(h / stride), ceil(w / stride), c]
template <int S>
inline void depthwiseAt(const Depthwise& options, Call& call) {
  using namespace separable;
  const auto shape = call.shape(0);
  const Sizes sizes(shape);
  const Index c = sizes.c, h = sizes.h, w = sizes.w, rows = (h + S - 1) / S, columns = (w + S - 1) / S;
  const float *x = call.input(0), *given = sized(call, 1, "a depthwise filter", 9 * c);
  const std::vector<float> other = turned(given, options.turned ? c : 0), zeros(c, 0.f);
  const float* filter = options.turned ? other.data() : given;
  const float* bias = options.biased ? sized(call, 2, "a bias", c) : zeros.data();
  float* y = call.output(0, {sizes.n, rows, columns, c});
  parallel(sizes.n * rows, columns * c, [&](Index from, Index to) {
    for (Index r = from; r < to; r++) {
      const float* image = x + r / rows * h * w * c;
      const auto rowOf = [&](Index i) { return i < 0 || i >= h ? nullptr : image + i * w * c; };
      alongRow(0, columns, [&](auto count, Index column) {
        constexpr int P = decltype(count)::value;
        float* out = y + (r * columns + column) * c;
        correlate(Window<P, S>(rowOf, r % rows, column, w, c, zeros.data()), filter, c, [&](Index k, const auto* sums) {
          using T = std::decay_t<decltype(*sums)>;
          const T added = load<T>(bias + k);
          for (int i = 0; i < P; i++) {
            const T sum = sums[i] + added;
            store(out + i * c + k, options.relu ? rectified(sum) : sum);
          }
        });
      });
    }
  });
}

inline void depthwise(const Depthwise& options, Call& call) {
  if (options.stride != 1 && options.stride != 2) call.refuse("a stride of at most", 2, options.stride);
  if (options.stride == 2) depthwiseAt<2>(options, call);
  else depthwiseAt<1>(options, call);
}

// x [n, h, w, c], scale [n, c], depthwise [3, 3, c, 1], pointwise [c, o], noise [h, w], bias [o] -> y [n, h, w, o]
inline void separableConvolution(const NoOptions&, Call& call) {
  using namespace separable;
  const auto shape = call.shape(0);
  const Sizes sizes(shape);
  const Index c = sizes.c, o = size(call.shape(5)), pixels = sizes.pixels();
  const float *x = call.input(0), *scale = sized(call, 1, "scales", sizes.n * c);
  const float *depthwise = sized(call, 2, "a depthwise filter", 9 * c), *weight = sized(call, 3, "a weight", c * o);
  const float *noise = sized(call, 4, "noise", pixels), *bias = call.input(5);
  float* y = call.output(0, {sizes.n, sizes.h, sizes.w, o});
  const Panels pointwise(weight, c, o, false);
  const products::Tap tap = pointwise.matrix.tap(0);
  const Index parts = (pixels + kPixels - 1) / kPixels;
  parallel(sizes.n * parts, kPixels * 2 * c * o / kOperationsAValue, [&](Index from, Index to) {
    const std::vector<float> zeros(c, 0.f);
    Scratch filter(9 * c), spatial(kPixels * c);
    products::Row rows[kPixels];
    Index filtered = -1;
    for (Index part = from; part < to; part++) {
      const Index image = part / parts, first = part % parts * kPixels, last = std::min(pixels, first + kPixels);
      if (image != filtered) {
        for (Index t = 0; t < 9; t++)
          for (Index k = 0; k < c; k++) filter.data()[t * c + k] = depthwise[t * c + k] * scale[image * c + k];
        filtered = image;
      }
      const auto rowOf = [&](Index r) {
        return r < 0 || r >= sizes.h ? nullptr : x + (image * sizes.h + r) * sizes.w * c;
      };
      for (Index p = first; p < last;) {
        const Index row = p / sizes.w, column = p % sizes.w, end = std::min(sizes.w, column + last - p);
        alongRow(column, end, [&](auto count, Index at) {
          constexpr int P = decltype(count)::value;
          float* out = spatial.data() + (row * sizes.w + at - first) * c;
          const Window<P> window(rowOf, row, at, sizes.w, c, zeros.data());
          correlate(window, filter.data(), c, [&](Index k, const auto* sums) {
            for (int i = 0; i < P; i++) {
              // The row below is the only one that is new; its next pixels are on their way to the cache.
              __builtin_prefetch(window.at[2][i + 1] + P * c + k);
              store(out + i * c + k, sums[i]);
            }
          });
        });
        p += end - column;
      }
      float* out = y + (image * pixels + first) * o;
      for (Index p = 0; p < last - first; p++) rows[p] = {spatial.data() + p * c, out + p * o, nullptr};
      pointwise.matrix.multiply(rows, 0, last - first, &tap, 1, {bias, false});
      for (Index p = first; p < last; p++, out += o)
        for (Index k = 0; k < o; k++) {
          const float v = out[k] + noise[p];
          out[k] = v > 0.f ? v : kSlope * v;
        }
    }
  });
}

// dy [n, h, w, o], y, x [n, h, w, c], scale [n, c], depthwise [3, 3, c, 1], pointwise [c, o] -> dx, dscale
inline void separableConvolutionGradient(const NoOptions&, Call& call) {
  using namespace separable;
  const auto shape = call.shape(2);
  const Sizes sizes(shape);
  const Index c = sizes.c, o = call.shape(0).back(), w = sizes.w, h = sizes.h;
  const Index outputs = sizes.n * h * w * o;
  const float *dy = call.input(0), *y = sized(call, 1, "an output", outputs), *x = call.input(2);
  const float *scale = sized(call, 3, "scales", sizes.n * c);
  const float *depthwise = sized(call, 4, "a depthwise filter", 9 * c), *weight = sized(call, 5, "a weight", c * o);
  float *dx = call.output(0, shape), *dscale = call.output(1, {sizes.n, c});
  const Panels pointwise(weight, o, c, true);
  const products::Tap tap = pointwise.matrix.tap(0);
  // With respect to the input it is the correlation with the filter turned.
  const std::vector<float> filter = turned(depthwise, c), zeros(c, 0.f);

  // Bands of rows, one a core: what lies around a band is computed by both that border on it.
  const Index bands = sizes.n >= cores() ? 1 : std::min(cores(), h);
  const Index atOnce = std::max<Index>(1, kPixels / w), held = atOnce + 2;
  std::vector<float> sums(sizes.n * bands * c, 0.f);
  parallel(sizes.n * bands, h / bands * w * 2 * c * o / kOperationsAValue, [&](Index begin, Index stop) {
    Scratch behind(kPixels * o), spatial(held * w * c);
    products::Row rows[kPixels];
    for (Index item = begin; item < stop; item++) {
      const Index image = item / bands, from = h * (item % bands) / bands, to = h * (item % bands + 1) / bands;
      float* along = &sums[item * c];
      // Rows of the gradient between depthwise and pointwise, of which the last `held` are there.
      const auto rowOf = [&](Index r) {
        return r < 0 || r >= h ? nullptr : spatial.data() + r % held * w * c;
      };
      Index next = std::max<Index>(0, from - 1);
      for (Index first = from; first < to; first += atOnce) {
        const Index last = std::min(to, first + atOnce), wanted = std::min(h, last + 1);
        for (Index p = next * w; p < wanted * w; p += kPixels) {
          const Index count = std::min(kPixels, wanted * w - p), at = (image * h * w + p) * o;
          for (Index i = 0; i < count * o; i++) behind.data()[i] = y[at + i] > 0.f ? dy[at + i] : kSlope * dy[at + i];
          for (Index i = 0; i < count; i++)
            rows[i] = {behind.data() + i * o, rowOf((p + i) / w) + (p + i) % w * c, nullptr};
          pointwise.matrix.multiply(rows, 0, count, &tap, 1, {nullptr, false});
        }
        next = wanted;
        for (Index r = first; r < last; r++)
          alongRow(0, w, [&](auto count, Index column) {
            constexpr int P = decltype(count)::value;
            const Index at = ((image * h + r) * w + column) * c;
            const Window<P> window(rowOf, r, column, w, c, zeros.data());
            correlate(window, filter.data(), c, [&](Index k, const auto* sum) {
              using T = std::decay_t<decltype(*sum)>;
              const T factor = load<T>(scale + image * c + k);
              T total = load<T>(along + k);
              for (int i = 0; i < P; i++) {
                // What the next pixels take and give is on its way to the cache.
                __builtin_prefetch(x + at + (P + i) * c + k);
                __builtin_prefetch(dx + at + (P + i) * c + k, 1);
                total = fused(load<T>(x + at + i * c + k), sum[i], total);
                store(dx + at + i * c + k, sum[i] * factor);
              }
              store(along + k, total);
            });
          });
      }
    }
  });
  for (Index image = 0; image < sizes.n; image++) {
    float* out = dscale + image * c;
    std::fill_n(out, c, 0.f);
    for (Index b = image * bands; b < (image + 1) * bands; b++)
      for (Index k = 0; k < c; k++) out[k] += sums[b * c + k];
  }
}
