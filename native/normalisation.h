// Group and layer normalisation.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "call.h"
#include "parallel.h"
#include "values.h"

// ---- Group normalisation ----

struct GroupNorm {
  Index groups;
  float epsilon;
  bool silu;

  explicit GroupNorm(const Attributes& given)
      : groups(given.integer("groups")), epsilon(given.real("epsilon")), silu(given.flag("silu")) {}
};

/** Sizes of an image batch in group normalisation, and its pixels in blocks, so that one image is work for all cores. */
struct Images {
  Index n, pixels, c, groups, perGroup, blocks;

  Images(const Shape& shape, Index groups)
      : n(shape.front()), c(shape.back()), groups(groups), perGroup(shape.back() / groups) {
    pixels = size(shape) / n / c;
    blocks = n >= cores() ? 1 : std::min<Index>(cores(), pixels);
  }
  /** f(image, block, first pixel, last pixel), pixels counted over all images. */
  template <typename F>
  void each(F f) const {
    parallel(n * blocks, pixels / blocks * c, [&](Index from, Index to) {
      for (Index i = from; i < to; i++) {
        const Index image = i / blocks, block = i % blocks;
        f(image, i, image * pixels + pixels * block / blocks, image * pixels + pixels * (block + 1) / blocks);
      }
    });
  }
  /** Partial sums [n * blocks, c] -> sums over each image's group, divided by its count: [n, groups]. */
  void groupMeans(const std::vector<float>& partial, float* means) const {
    for (Index image = 0; image < n; image++)
      for (Index g = 0; g < groups; g++) {
        double sum = 0;
        for (Index b = 0; b < blocks; b++)
          for (Index k = 0; k < perGroup; k++) sum += partial[((image * blocks + b) * c) + g * perGroup + k];
        means[image * groups + g] = static_cast<float>(sum / static_cast<double>(pixels * perGroup));
      }
  }
};

// x, weight, bias -> y, mean [n, groups], inverse deviation [n, groups]
inline void groupNorm(const GroupNorm& options, Call& call) {
  const auto shape = call.shape(0);
  const Images images(shape, options.groups);
  const Index c = images.c;
  const float *x = call.input(0), *weight = call.input(1), *bias = call.input(2);
  float* y = call.output(0, shape);
  float* mean = call.output(1, {images.n, images.groups});
  float* inverse = call.output(2, {images.n, images.groups});

  std::vector<float> partial(images.n * images.blocks * c, 0.f);
  images.each([&](Index, Index i, Index from, Index to) {
    float* __restrict sums = &partial[i * c];
    for (Index p = from; p < to; p++)
      for (Index k = 0; k < c; k++) sums[k] += x[p * c + k];
  });
  images.groupMeans(partial, mean);
  // In two passes: E[x^2] - mean^2 loses digits when the mean is large.
  std::fill(partial.begin(), partial.end(), 0.f);
  images.each([&](Index image, Index i, Index from, Index to) {
    float* __restrict sums = &partial[i * c];
    std::vector<float> centre(c);
    for (Index k = 0; k < c; k++) centre[k] = mean[image * images.groups + k / images.perGroup];
    for (Index p = from; p < to; p++)
      for (Index k = 0; k < c; k++) {
        const float d = x[p * c + k] - centre[k];
        sums[k] += d * d;
      }
  });
  images.groupMeans(partial, inverse);
  for (Index i = 0; i < images.n * images.groups; i++) inverse[i] = 1.f / std::sqrt(inverse[i] + options.epsilon);
  images.each([&](Index image, Index, Index from, Index to) {
    std::vector<float> scale(c), shift(c);
    for (Index k = 0; k < c; k++) {
      const Index g = image * images.groups + k / images.perGroup;
      scale[k] = inverse[g] * weight[k];
      shift[k] = bias[k] - mean[g] * scale[k];
    }
    for (Index p = from; p < to; p++) {
      const float* __restrict in = x + p * c;
      float* __restrict out = y + p * c;
      if (options.silu) {
        for (Index k = 0; k < c; k++) {
          const float v = in[k] * scale[k] + shift[k];
          out[k] = v * sigmoid(v);
        }
      } else {
        for (Index k = 0; k < c; k++) out[k] = in[k] * scale[k] + shift[k];
      }
    }
  });
}

/** One pixel's gradient behind the SiLU, out = dy; adds dy and dy xhat to sums a channel. */
template <bool silu>
inline void behindNorm(Index c, const float* __restrict d, const float* __restrict x, const float* __restrict centre,
                const float* __restrict inverse, const float* __restrict weight, const float* __restrict bias,
                float* __restrict out, float* __restrict sums, float* __restrict products) {
  for (Index k = 0; k < c; k++) {
    const float xhat = (x[k] - centre[k]) * inverse[k];
    float dy = d[k];
    if (silu) {
      const float y = xhat * weight[k] + bias[k], gate = sigmoid(y);
      dy *= gate * (1.f + y * (1.f - gate));
    }
    out[k] = dy;
    sums[k] += dy;
    products[k] += dy * xhat;
  }
}

// dy, x, weight, bias, mean, inverse -> dx, dweight, dbias
inline void groupNormGradient(const GroupNorm& options, Call& call) {
  const auto shape = call.shape(1);
  const Images images(shape, options.groups);
  const Index c = images.c;
  const float *dOut = call.input(0), *x = call.input(1), *weight = call.input(2), *bias = call.input(3);
  const float *mean = call.input(4), *inverse = call.input(5);
  float *dx = call.output(0, shape), *dWeight = call.output(1, {c}), *dBias = call.output(2, {c});

  // dx first holds dy, the gradient behind the SiLU; sums of dy and of dy xhat a channel
  std::vector<float> sums(images.n * images.blocks * c, 0.f), products(sums.size(), 0.f);
  images.each([&](Index image, Index i, Index from, Index to) {
    std::vector<float> centre(c), inv(c);
    for (Index k = 0; k < c; k++) {
      const Index g = image * images.groups + k / images.perGroup;
      centre[k] = mean[g];
      inv[k] = inverse[g];
    }
    for (Index p = from; p < to; p++)
      (options.silu ? behindNorm<true> : behindNorm<false>)(c, dOut + p * c, x + p * c, centre.data(), inv.data(), weight,
                                                            bias, dx + p * c, &sums[i * c], &products[i * c]);
  });
  std::fill(dWeight, dWeight + c, 0.f);
  std::fill(dBias, dBias + c, 0.f);
  for (Index i = 0; i < images.n * images.blocks; i++)
    for (Index k = 0; k < c; k++) {
      dBias[k] += sums[i * c + k];
      dWeight[k] += products[i * c + k];
      sums[i * c + k] *= weight[k];
      products[i * c + k] *= weight[k];
    }
  std::vector<float> meanDy(images.n * images.groups), meanProduct(meanDy.size());
  images.groupMeans(sums, meanDy.data());
  images.groupMeans(products, meanProduct.data());
  // inverse (weight dy - mean(weight dy) - xhat mean(weight dy xhat)) = a dy + b x + e
  images.each([&](Index image, Index, Index from, Index to) {
    std::vector<float> a(c), b(c), e(c);
    for (Index k = 0; k < c; k++) {
      const Index g = image * images.groups + k / images.perGroup;
      a[k] = inverse[g] * weight[k];
      b[k] = -inverse[g] * inverse[g] * meanProduct[g];
      e[k] = -inverse[g] * meanDy[g] - b[k] * mean[g];
    }
    for (Index p = from; p < to; p++)
      for (Index k = 0; k < c; k++) dx[p * c + k] = a[k] * dx[p * c + k] + b[k] * x[p * c + k] + e[k];
  });
}

// ---- Layer normalisation ----

struct LayerNorm {
  float epsilon;
  explicit LayerNorm(const Attributes& given) : epsilon(given.real("epsilon")) {}
};

// x [..., c], weight, bias -> y, mean [rows], inverse deviation [rows]
inline void layerNorm(const LayerNorm& options, Call& call) {
  const float epsilon = options.epsilon;
  const auto shape = call.shape(0);
  const Index c = shape.back(), rows = size(shape) / c;
  const float *x = call.input(0), *weight = call.input(1), *bias = call.input(2);
  float *y = call.output(0, shape), *mean = call.output(1, {rows}), *inverse = call.output(2, {rows});
  parallel(rows, c, [&](Index from, Index to) {
    for (Index r = from; r < to; r++) {
      const float* in = x + r * c;
      float sum = 0, squares = 0;
      for (Index k = 0; k < c; k++) sum += in[k];
      const float m = sum / static_cast<float>(c);
      for (Index k = 0; k < c; k++) squares += (in[k] - m) * (in[k] - m);
      const float inv = 1.f / std::sqrt(squares / static_cast<float>(c) + epsilon);
      for (Index k = 0; k < c; k++) y[r * c + k] = (in[k] - m) * inv * weight[k] + bias[k];
      mean[r] = m;
      inverse[r] = inv;
    }
  });
}

// dy, x, weight, mean, inverse -> dx, dweight, dbias
inline void layerNormGradient(const NoOptions&, Call& call) {
  const auto shape = call.shape(1);
  const Index c = shape.back(), rows = size(shape) / c;
  const float *dy = call.input(0), *x = call.input(1), *weight = call.input(2), *mean = call.input(3);
  const float* inverse = call.input(4);
  float *dx = call.output(0, shape), *dWeight = call.output(1, {c}), *dBias = call.output(2, {c});
  // Sums over blocks of rows, added up in one order whichever core is done first: training goes on bit for bit.
  const Index blocks = std::min<Index>(rows, 64);
  std::vector<float> weights(blocks * c, 0.f), biases(blocks * c, 0.f);
  parallel(blocks, rows / blocks * c, [&](Index first, Index last) {
    for (Index block = first; block < last; block++) {
      float *w = weights.data() + block * c, *b = biases.data() + block * c;
      for (Index r = rows * block / blocks; r < rows * (block + 1) / blocks; r++) {
        const float *in = x + r * c, *d = dy + r * c, m = mean[r], inv = inverse[r];
        float sum = 0, product = 0;
        for (Index k = 0; k < c; k++) {
          const float xhat = (in[k] - m) * inv, wd = d[k] * weight[k];
          sum += wd;
          product += wd * xhat;
          w[k] += d[k] * xhat;
          b[k] += d[k];
        }
        sum /= static_cast<float>(c);
        product /= static_cast<float>(c);
        for (Index k = 0; k < c; k++)
          dx[r * c + k] = inv * (d[k] * weight[k] - sum - (in[k] - m) * inv * product);
      }
    }
  });
  std::fill(dWeight, dWeight + c, 0.f);
  std::fill(dBias, dBias + c, 0.f);
  for (Index block = 0; block < blocks; block++) {
    for (Index k = 0; k < c; k++) {
      dWeight[k] += weights[block * c + k];
      dBias[k] += biases[block * c + k];
    }
  }
}
