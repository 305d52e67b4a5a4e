// The orthonormal Haar wavelet transform of 2 x 2 pixels, both ways, after a scaling of the coefficients' channels.
#pragma once

#include <algorithm>
#include <vector>

#include "call.h"
#include "parallel.h"

/** Coefficients [n, h, w, 4c], in four bands LL, LH, HL, HH one after the other, and pixels [n, 2h, 2w, c]. */
struct HaarSizes {
  Index n, h, w, c;

  /** f(image, first row of coefficients, last) over cores, on parts of one image each. */
  template <typename F>
  void overRows(F f) const {
    parallel(n * h, 4 * w * c, [&](Index from, Index to) {
      while (from < to) {
        const Index image = from / h, end = std::min(to, (image + 1) * h);
        f(image, from, end);
        from = end;
      }
    });
  }
  /** Where a row's coefficients begin, rows counted over all images, and where the upper of its two rows of pixels does. */
  Index coefficients(Index row) const { return row * w * 4 * c; }
  Index pixels(Index row) const { return row * 2 * 2 * w * c; }
};

/** Values of one place's c channels: bands in, pixels out. */
template <bool scaled>
inline void haarToPixels(const float* __restrict x, const float* __restrict scale, Index c, Index row, float* __restrict y) {
  float *upper = y, *lower = y + row;
#pragma GCC ivdep
  for (Index k = 0; k < c; k++) {
    const float ll = x[k] * (scaled ? scale[k] : 0.5f), lh = x[c + k] * (scaled ? scale[c + k] : 0.5f);
    const float hl = x[2 * c + k] * (scaled ? scale[2 * c + k] : 0.5f);
    const float hh = x[3 * c + k] * (scaled ? scale[3 * c + k] : 0.5f);
    const float left = ll + hl, right = ll - hl, down = lh + hh, across = lh - hh;
    upper[k] = left + down;
    upper[c + k] = right + across;
    lower[k] = left - down;
    lower[c + k] = right - across;
  }
}

/** The same back; where `scaled`, `scale` halved applies and `sums` [4c] get the products of coefficients with x. */
template <bool scaled>
inline void haarToCoefficients(const float* __restrict y, Index row, Index c, const float* __restrict scale,
                               const float* __restrict x, float* __restrict sums, float* __restrict out) {
  const float *upper = y, *lower = y + row;
#pragma GCC ivdep
  for (Index k = 0; k < c; k++) {
    const float up = upper[k] + upper[c + k], low = lower[k] + lower[c + k];
    const float upSlope = upper[k] - upper[c + k], lowSlope = lower[k] - lower[c + k];
    const float ll = up + low, lh = up - low, hl = upSlope + lowSlope, hh = upSlope - lowSlope;
    if (scaled) {
      sums[k] += ll * x[k];
      sums[c + k] += lh * x[c + k];
      sums[2 * c + k] += hl * x[2 * c + k];
      sums[3 * c + k] += hh * x[3 * c + k];
    }
    out[k] = ll * (scaled ? scale[k] : 0.5f);
    out[c + k] = lh * (scaled ? scale[c + k] : 0.5f);
    out[2 * c + k] = hl * (scaled ? scale[2 * c + k] : 0.5f);
    out[3 * c + k] = hh * (scaled ? scale[3 * c + k] : 0.5f);
  }
}

/** An image's scales [4c], halved: the transform's own factor. */
inline std::vector<float> halved(const float* scale, Index count) {
  std::vector<float> half(scale, scale + count);
  for (float& value : half) value *= 0.5f;
  return half;
}

struct InverseHaar {
  bool scaled;
  explicit InverseHaar(const Attributes& given) : scaled(given.flag("scaled")) {}
};

// x [n, h, w, 4c], scale [n, 4c] -> y [n, 2h, 2w, c]
inline void inverseHaar(const InverseHaar& options, Call& call) {
  const auto shape = call.shape(0);
  const HaarSizes sizes = {shape[0], shape[1], shape[2], shape[3] / 4};
  const Index c = sizes.c, n = sizes.n;
  const float *x = call.input(0), *scale = options.scaled ? sized(call, 1, "scales", n * 4 * c) : nullptr;
  float* y = call.output(0, {n, 2 * sizes.h, 2 * sizes.w, c});
  sizes.overRows([&](Index image, Index from, Index to) {
    const std::vector<float> half = halved(scale ? scale + image * 4 * c : x, scale ? 4 * c : 0);
    for (Index r = from; r < to; r++)
      for (Index j = 0; j < sizes.w; j++) {
        const float* in = x + sizes.coefficients(r) + j * 4 * c;
        float* out = y + sizes.pixels(r) + j * 2 * c;
        if (scale) haarToPixels<true>(in, half.data(), c, sizes.w * 2 * c, out);
        else haarToPixels<false>(in, nullptr, c, sizes.w * 2 * c, out);
      }
  });
}

// x [n, 2h, 2w, c] -> y [n, h, w, 4c]
inline void haar(const NoOptions&, Call& call) {
  const auto shape = call.shape(0);
  const HaarSizes sizes = {shape[0], shape[1] / 2, shape[2] / 2, shape[3]};
  const Index c = sizes.c;
  const float* x = call.input(0);
  float* y = call.output(0, {sizes.n, sizes.h, sizes.w, 4 * c});
  sizes.overRows([&](Index, Index from, Index to) {
    for (Index r = from; r < to; r++)
      for (Index j = 0; j < sizes.w; j++)
        haarToCoefficients<false>(x + sizes.pixels(r) + j * 2 * c, sizes.w * 2 * c, c, nullptr, nullptr, nullptr,
                                  y + sizes.coefficients(r) + j * 4 * c);
  });
}

// dy [n, 2h, 2w, c], x [n, h, w, 4c], scale [n, 4c] -> dx, dscale
inline void inverseHaarGradient(const NoOptions&, Call& call) {
  const auto shape = call.shape(1);
  const HaarSizes sizes = {shape[0], shape[1], shape[2], shape[3] / 4};
  const Index c = sizes.c, bands = 4 * c;
  const float *dy = call.input(0), *x = call.input(1), *scale = sized(call, 2, "scales", sizes.n * bands);
  float *dx = call.output(0, shape), *dscale = call.output(1, {sizes.n, bands});
  // A row's sums by themselves, so that they are the same on any number of cores.
  std::vector<float> sums(sizes.n * sizes.h * bands, 0.f);
  sizes.overRows([&](Index image, Index from, Index to) {
    const std::vector<float> half = halved(scale + image * bands, bands);
    for (Index r = from; r < to; r++)
      for (Index j = 0; j < sizes.w; j++) {
        const Index at = sizes.coefficients(r) + j * bands;
        haarToCoefficients<true>(dy + sizes.pixels(r) + j * 2 * c, sizes.w * 2 * c, c, half.data(), x + at,
                                 &sums[r * bands], dx + at);
      }
  });
  for (Index image = 0; image < sizes.n; image++) {
    float* out = dscale + image * bands;
    std::fill_n(out, bands, 0.f);
    for (Index r = image * sizes.h; r < (image + 1) * sizes.h; r++)
      for (Index k = 0; k < bands; k++) out[k] += 0.5f * sums[r * bands + k];
  }
}
