// Convolutions, their gradients and products with a matrix, of images NHWC and of rows.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "call.h"
#include "memory.h"
#include "parallel.h"
#include "products.h"

/** Rows that one core takes at a time: whole tiles of either kind. */
constexpr Index kRowsAtOnce = 4 * products::kRows;
/** Values of zero-padded images that are held at once. */
constexpr Index kScratch = 1 << 21;

/** f(first row, last row) over cores, for rows of products that take so many operations each. */
template <typename F>
inline void overRows(Index rows, Index operations, F f) {
  const Index parts = (rows + kRowsAtOnce - 1) / kRowsAtOnce;
  parallel(parts, kRowsAtOnce * operations / kOperationsAValue,
           [&](Index from, Index to) { f(from * kRowsAtOnce, std::min(rows, to * kRowsAtOnce)); });
}

/** Images [n, h, w, c] with zeros around: `before` rows above and columns to the left, [n, height, width, c] in all. */
struct Padded {
  Index before, height, width, c;
  Aligned memory;
  const float* values;

  /** @param gate where given, values are kept only where it is above 0 */
  Padded(const float* x, const float* gate, Index n, Index h, Index w, Index c, Index before, Index height,
         Index width)
      : before(before), height(height), width(width), c(c),
        memory(!gate && height == h && width == w ? 0 : n * height * width * c), values(x) {
    if (!gate && height == h && width == w) return;
    values = memory.data();
    for (Index r = 0; r < n * h; r++) {
      float* to = memory.data() + ((r / h * height + before + r % h) * width + before) * c;
      const float* from = x + r * w * c;
      if (!gate) std::memcpy(to, from, sizeof(float) * w * c);
      else
        for (Index i = 0; i < w * c; i++) to[i] = gate[r * w * c + i] > 0 ? from[i] : 0.f;
    }
  }
  const float* at(Index image, Index row, Index column) const {
    return values + ((image * height + row) * width + column) * c;
  }
};

struct Convolution {
  Index stride, height, width;
  bool same, relu, biased, added;
  explicit Convolution(const Attributes& given)
      : stride(given.integer("stride")), height(0), width(0), same(given.flag("same")), relu(given.flag("relu")) {}
};
struct ForwardConvolution : Convolution {
  explicit ForwardConvolution(const Attributes& given) : Convolution(given) {
    biased = given.flag("biased");
    added = given.flag("added");
  }
};
struct BackwardConvolution : Convolution {
  explicit BackwardConvolution(const Attributes& given) : Convolution(given) {
    height = given.integer("height");
    width = given.integer("width");
  }
};

/** Whether any of the positions at + stride i, i < count, lies within 0..length: other taps meet only zeros. */
inline bool meets(Index at, Index stride, Index count, Index length) {
  return at < length && at + stride * (count - 1) >= 0;
}

// x [n, h, w, c], filter [kh, kw, c, o], bias [o], addend [n, h', w', o] or [n, ..., o] -> y [n, h', w', o]
inline void convolution(const ForwardConvolution& options, Call& call) {
  const auto shape = call.shape(0), filterShape = call.shape(1);
  const Index n = shape[0], h = shape[1], w = shape[2], c = shape[3];
  const Index kh = filterShape[0], kw = filterShape[1], o = filterShape[3], s = options.stride;
  const Index rowsOut = options.same ? h : (h - kh) / s + 1, columnsOut = options.same ? w : (w - kw) / s + 1;
  const Index everywhere = n * rowsOut * columnsOut * o;
  const float *x = call.input(0), *bias = optional(call, 2, options.biased, "a bias", o, o);
  const float* addend = optional(call, 3, options.added, "an addend", everywhere, n * o);
  const bool everyPixel = addend && size(call.shape(3)) == everywhere;
  float* y = call.output(0, {n, rowsOut, columnsOut, o});

  const auto filter = Matrices::ofWeight(call.input(1), kh * kw, c, o);
  const Index above = options.same ? (kh - 1) / 2 : 0, left = options.same ? (kw - 1) / 2 : 0;
  const Index before = std::max(above, left);
  const Index height = options.same ? h + 2 * before : h, width = options.same ? w + 2 * before : w;
  const Index atOnce = std::max<Index>(1, kScratch / (height * width * c)), pixels = rowsOut * columnsOut;
  std::vector<products::Tap> taps;
  for (Index ky = 0; ky < kh; ky++)
    for (Index kx = 0; kx < kw; kx++)
      if (meets(ky - above, s, rowsOut, h) && meets(kx - left, s, columnsOut, w))
        taps.push_back(filter.tap(ky * kw + kx, ((ky + before - above) * width + kx + before - left) * c));
  filter.join(taps);
  const Index tapCount = static_cast<Index>(taps.size());
  std::vector<products::Row> rows(std::min(atOnce, n) * pixels);
  for (Index first = 0; first < n; first += atOnce) {
    const Index images = std::min(atOnce, n - first);
    const Padded padded(x + first * h * w * c, nullptr, images, h, w, c, before, height, width);
    for (Index p = 0; p < images * pixels; p++) {
      const Index image = p / pixels, pixel = p % pixels, all = first * pixels + p;
      rows[p] = {padded.at(image, pixel / columnsOut * s, pixel % columnsOut * s), y + all * o,
                 addend ? addend + (everyPixel ? all : first + image) * o : nullptr};
    }
    overRows(images * pixels, 2 * products::length(taps) * o, [&](Index from, Index to) {
      filter.multiply(rows.data(), from, to, taps.data(), tapCount, {bias, options.relu});
    });
  }
}

// dy [n, h', w', o], filter [kh, kw, c, o], y (of a relu) -> dx [n, height, width, c]
inline void convolutionGradient(const BackwardConvolution& options, Call& call) {
  const auto shape = call.shape(0), filterShape = call.shape(1);
  const Index n = shape[0], h = shape[1], w = shape[2], o = shape[3], height = options.height, width = options.width;
  const Index kh = filterShape[0], kw = filterShape[1], c = filterShape[2], s = options.stride;
  const float *dy = call.input(0), *given = call.input(1), *y = options.relu ? call.input(2) : nullptr;
  float* dx = call.output(0, {n, height, width, c});
  const auto filter = transposedWeight(given, kh * kw, o, c);
  // Packed filters are turned: then taps continue each other in the order of their rows.
  const auto place = [&](Index tap) { return kPacked ? kh * kw - 1 - tap : tap; };

  // dx at i is the sum of dy at j times the filter at k, over i + above = j stride + k. With i + above = q stride + e the
  // taps are k = e + stride m, and j = q - m: the same m for all i of one e.
  const Index above = options.same ? (kh - 1) / 2 : 0, left = options.same ? (kw - 1) / 2 : 0;
  const Index before = (std::max(kh, kw) - 1) / s;
  const Index paddedHeight = before + std::max(h, (height - 1 + above) / s + 1);
  const Index paddedWidth = before + std::max(w, (width - 1 + left) / s + 1);
  const Index atOnce = std::max<Index>(1, kScratch / (paddedHeight * paddedWidth * o));
  std::vector<products::Tap> taps;
  std::vector<products::Row> rows;
  for (Index first = 0; first < n; first += atOnce) {
    const Index images = std::min(atOnce, n - first), skipped = first * h * w * o;
    const Padded padded(dy + skipped, y ? y + skipped : nullptr, images, h, w, o, before, paddedHeight, paddedWidth);
    for (Index e = 0; e < s * s; e++) {
      const Index down = e / s, right = e % s;
      taps.clear();
      for (Index ky = down; ky < kh; ky += s)
        for (Index kx = right; kx < kw; kx += s)
          if (meets(-(ky / s), 1, (height - 1 + above) / s + 1, h) && meets(-(kx / s), 1, (width - 1 + left) / s + 1, w))
            taps.push_back(filter.tap(place(ky * kw + kx), -((ky / s) * paddedWidth + kx / s) * o));
      if (kPacked) std::reverse(taps.begin(), taps.end());
      filter.join(taps);
      rows.clear();
      for (Index image = 0; image < images; image++)
        for (Index i = ((down - above) % s + s) % s; i < height; i += s)
          for (Index j = ((right - left) % s + s) % s; j < width; j += s)
            rows.push_back({padded.at(image, (i + above) / s + before, (j + left) / s + before),
                            dx + (((first + image) * height + i) * width + j) * c, nullptr});
      const Index count = static_cast<Index>(rows.size()), tapCount = static_cast<Index>(taps.size());
      overRows(count, 2 * products::length(taps) * c, [&](Index from, Index to) {
        filter.multiply(rows.data(), from, to, taps.data(), tapCount, {nullptr, false});
      });
    }
  }
}

struct Affine {
  bool transposed, biased, added;
  explicit Affine(const Attributes& given)
      : transposed(given.flag("transposed")), biased(given.flag("biased")), added(given.flag("added")) {}
};

// x [..., i], weight [i, o] or transposed [o, i], bias [o], addend [..., o] -> y [..., o]
inline void affine(const Affine& options, Call& call) {
  auto shape = call.shape(0);
  const auto weightShape = call.shape(1);
  const Index inner = shape.back(), count = size(shape) / inner, o = weightShape[options.transposed ? 0 : 1];
  shape.back() = o;
  const float *x = call.input(0), *weight = call.input(1), *bias = optional(call, 2, options.biased, "a bias", o, o);
  const float* addend = optional(call, 3, options.added, "an addend", count * o, count * o);
  float* y = call.output(0, shape);
  std::vector<products::Row> rows(count);
  for (Index r = 0; r < count; r++) rows[r] = {x + r * inner, y + r * o, addend ? addend + r * o : nullptr};
  const products::Finish ending = {bias, false};
  const auto multiply = [&](const auto& matrix) {
    const products::Tap tap = matrix.tap(0);
    overRows(count, 2 * inner * o, [&](Index from, Index to) {
      matrix.multiply(rows.data(), from, to, &tap, 1, ending);
    });
  };
  if (options.transposed) multiply(transposedWeight(weight, 1, inner, o));
  else multiply(Matrices::ofWeight(weight, 1, inner, o));
}
