// Fused kernels of the `tensorflow` backend, registered through TensorFlow's C interface. `npm run native` compiles them for
// the processor at hand; without them the same operations are made of TensorFlow's own ones (src/models/ops), several times
// as many passes over memory. Everything is float32, images are NHWC.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include <omp.h>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace {

// ---- Values ----

/** e^x, within 2e-7 of its value; written so that compilers make vector instructions of it. */
inline float exponential(float x) {
  x = std::min(std::max(x, -87.f), 88.f);
  const float n = std::floor(x * 1.44269504f + 0.5f);
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

inline float sigmoid(float x) { return 1.f / (1.f + exponential(-x)); }

/** The standard normal's distribution and density at x (Abramowitz and Stegun 7.1.26, within 1e-7). */
inline void normal(float x, float& distribution, float& density) {
  const float e = exponential(-0.5f * x * x);
  const float t = 1.f / (1.f + 0.3275911f * 0.70710678f * std::fabs(x));
  const float tail =
      0.5f * e * t *
      (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  distribution = x < 0 ? tail : 1.f - tail;
  density = 0.39894228f * e;
}

// ---- Work over several cores ----

/** Values that one core should have at least. */
constexpr int64_t kEnough = 1 << 15;

/** f(first, last) on parts of 0..count, one a core; an item is `values` values. */
template <typename F>
void parallel(int64_t count, int64_t values, F f) {
  const int64_t useful = std::max<int64_t>(1, count * values / kEnough);
  const int parts = static_cast<int>(std::min<int64_t>({useful, count, omp_get_max_threads()}));
  if (parts <= 1) return f(int64_t{0}, count);
#pragma omp parallel for num_threads(parts) schedule(static)
  for (int part = 0; part < parts; part++) f(count * part / parts, count * (part + 1) / parts);
}

// ---- Tensors of a call ----

class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }

  const float* input(int i) { return static_cast<const float*>(TF_TensorData(tensor(i))); }
  std::vector<int64_t> shape(int i) {
    TF_Tensor* x = tensor(i);
    std::vector<int64_t> dims(TF_NumDims(x));
    for (size_t k = 0; k < dims.size(); k++) dims[k] = TF_Dim(x, static_cast<int>(k));
    return dims;
  }
  float* output(int i, const std::vector<int64_t>& dims) {
    int64_t count = 1;
    for (int64_t d : dims) count *= d;
    TF_Tensor* y = TF_AllocateOutput(context_, i, TF_FLOAT, dims.data(), static_cast<int>(dims.size()),
                                     static_cast<size_t>(count) * sizeof(float), status_);
    tensors_.push_back(y);
    return static_cast<float*>(TF_TensorData(y));
  }

 private:
  TF_Tensor* tensor(int i) {
    if (inputs_.size() <= static_cast<size_t>(i)) inputs_.resize(i + 1);
    if (!inputs_[i]) {
      TF_GetInput(context_, i, &inputs_[i], status_);
      tensors_.push_back(inputs_[i]);
    }
    return inputs_[i];
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_;
  std::vector<TF_Tensor*> tensors_;
};

int64_t size(const std::vector<int64_t>& dims) {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  return count;
}

// ---- Group normalisation ----

struct GroupNorm {
  int64_t groups;
  float epsilon;
  bool silu;

  explicit GroupNorm(TF_OpKernelConstruction* construction) {
    TF_Status* status = TF_NewStatus();
    unsigned char flag;
    TF_OpKernelConstruction_GetAttrInt64(construction, "groups", &groups, status);
    TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &epsilon, status);
    TF_OpKernelConstruction_GetAttrBool(construction, "silu", &flag, status);
    silu = flag;
    TF_DeleteStatus(status);
  }
};

/** Sizes of an image batch in group normalisation, and its pixels in blocks, so that one image is work for all cores. */
struct Images {
  int64_t n, pixels, c, groups, perGroup, blocks;

  Images(const std::vector<int64_t>& shape, int64_t groups)
      : n(shape.front()), c(shape.back()), groups(groups), perGroup(shape.back() / groups) {
    pixels = size(shape) / n / c;
    blocks = n >= omp_get_max_threads() ? 1 : std::min<int64_t>(omp_get_max_threads(), pixels);
  }
  /** f(image, block, first pixel, last pixel), pixels counted over all images. */
  template <typename F>
  void each(F f) const {
    parallel(n * blocks, pixels / blocks * c, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const int64_t image = i / blocks, block = i % blocks;
        f(image, i, image * pixels + pixels * block / blocks, image * pixels + pixels * (block + 1) / blocks);
      }
    });
  }
  /** Partial sums [n * blocks, c] -> sums over each image's group, divided by its count: [n, groups]. */
  void groupMeans(const std::vector<float>& partial, float* means) const {
    for (int64_t image = 0; image < n; image++)
      for (int64_t g = 0; g < groups; g++) {
        double sum = 0;
        for (int64_t b = 0; b < blocks; b++)
          for (int64_t k = 0; k < perGroup; k++) sum += partial[((image * blocks + b) * c) + g * perGroup + k];
        means[image * groups + g] = static_cast<float>(sum / static_cast<double>(pixels * perGroup));
      }
  }
};

// x, weight, bias -> y, mean [n, groups], inverse deviation [n, groups]
void groupNorm(void* kernel, TF_OpKernelContext* context) {
  const GroupNorm& options = *static_cast<GroupNorm*>(kernel);
  Call call(context);
  const auto shape = call.shape(0);
  const Images images(shape, options.groups);
  const int64_t c = images.c;
  const float *x = call.input(0), *weight = call.input(1), *bias = call.input(2);
  float* y = call.output(0, shape);
  float* mean = call.output(1, {images.n, images.groups});
  float* inverse = call.output(2, {images.n, images.groups});

  std::vector<float> partial(images.n * images.blocks * c, 0.f);
  images.each([&](int64_t, int64_t i, int64_t from, int64_t to) {
    float* __restrict sums = &partial[i * c];
    for (int64_t p = from; p < to; p++)
      for (int64_t k = 0; k < c; k++) sums[k] += x[p * c + k];
  });
  images.groupMeans(partial, mean);
  // In two passes: E[x^2] - mean^2 loses digits when the mean is large.
  std::fill(partial.begin(), partial.end(), 0.f);
  images.each([&](int64_t image, int64_t i, int64_t from, int64_t to) {
    float* __restrict sums = &partial[i * c];
    std::vector<float> centre(c);
    for (int64_t k = 0; k < c; k++) centre[k] = mean[image * images.groups + k / images.perGroup];
    for (int64_t p = from; p < to; p++)
      for (int64_t k = 0; k < c; k++) {
        const float d = x[p * c + k] - centre[k];
        sums[k] += d * d;
      }
  });
  images.groupMeans(partial, inverse);
  for (int64_t i = 0; i < images.n * images.groups; i++) inverse[i] = 1.f / std::sqrt(inverse[i] + options.epsilon);
  images.each([&](int64_t image, int64_t, int64_t from, int64_t to) {
    std::vector<float> scale(c), shift(c);
    for (int64_t k = 0; k < c; k++) {
      const int64_t g = image * images.groups + k / images.perGroup;
      scale[k] = inverse[g] * weight[k];
      shift[k] = bias[k] - mean[g] * scale[k];
    }
    for (int64_t p = from; p < to; p++) {
      const float* __restrict in = x + p * c;
      float* __restrict out = y + p * c;
      if (options.silu) {
        for (int64_t k = 0; k < c; k++) {
          const float v = in[k] * scale[k] + shift[k];
          out[k] = v * sigmoid(v);
        }
      } else {
        for (int64_t k = 0; k < c; k++) out[k] = in[k] * scale[k] + shift[k];
      }
    }
  });
}

/** One pixel's gradient behind the SiLU, out = dy; adds dy and dy xhat to sums a channel. */
template <bool silu>
void behindNorm(int64_t c, const float* __restrict d, const float* __restrict x, const float* __restrict centre,
                const float* __restrict inverse, const float* __restrict weight, const float* __restrict bias,
                float* __restrict out, float* __restrict sums, float* __restrict products) {
  for (int64_t k = 0; k < c; k++) {
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
void groupNormGradient(void* kernel, TF_OpKernelContext* context) {
  const GroupNorm& options = *static_cast<GroupNorm*>(kernel);
  Call call(context);
  const auto shape = call.shape(1);
  const Images images(shape, options.groups);
  const int64_t c = images.c;
  const float *dOut = call.input(0), *x = call.input(1), *weight = call.input(2), *bias = call.input(3);
  const float *mean = call.input(4), *inverse = call.input(5);
  float *dx = call.output(0, shape), *dWeight = call.output(1, {c}), *dBias = call.output(2, {c});

  // dx first holds dy, the gradient behind the SiLU; sums of dy and of dy xhat a channel
  std::vector<float> sums(images.n * images.blocks * c, 0.f), products(sums.size(), 0.f);
  images.each([&](int64_t image, int64_t i, int64_t from, int64_t to) {
    std::vector<float> centre(c), inv(c);
    for (int64_t k = 0; k < c; k++) {
      const int64_t g = image * images.groups + k / images.perGroup;
      centre[k] = mean[g];
      inv[k] = inverse[g];
    }
    for (int64_t p = from; p < to; p++)
      (options.silu ? behindNorm<true> : behindNorm<false>)(c, dOut + p * c, x + p * c, centre.data(), inv.data(), weight,
                                                            bias, dx + p * c, &sums[i * c], &products[i * c]);
  });
  std::fill(dWeight, dWeight + c, 0.f);
  std::fill(dBias, dBias + c, 0.f);
  for (int64_t i = 0; i < images.n * images.blocks; i++)
    for (int64_t k = 0; k < c; k++) {
      dBias[k] += sums[i * c + k];
      dWeight[k] += products[i * c + k];
      sums[i * c + k] *= weight[k];
      products[i * c + k] *= weight[k];
    }
  std::vector<float> meanDy(images.n * images.groups), meanProduct(meanDy.size());
  images.groupMeans(sums, meanDy.data());
  images.groupMeans(products, meanProduct.data());
  // inverse (weight dy - mean(weight dy) - xhat mean(weight dy xhat)) = a dy + b x + e
  images.each([&](int64_t image, int64_t, int64_t from, int64_t to) {
    std::vector<float> a(c), b(c), e(c);
    for (int64_t k = 0; k < c; k++) {
      const int64_t g = image * images.groups + k / images.perGroup;
      a[k] = inverse[g] * weight[k];
      b[k] = -inverse[g] * inverse[g] * meanProduct[g];
      e[k] = -inverse[g] * meanDy[g] - b[k] * mean[g];
    }
    for (int64_t p = from; p < to; p++)
      for (int64_t k = 0; k < c; k++) dx[p * c + k] = a[k] * dx[p * c + k] + b[k] * x[p * c + k] + e[k];
  });
}

// ---- Layer normalisation ----

struct LayerNorm {
  float epsilon;
  explicit LayerNorm(TF_OpKernelConstruction* construction) {
    TF_Status* status = TF_NewStatus();
    TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &epsilon, status);
    TF_DeleteStatus(status);
  }
};

// x [..., c], weight, bias -> y, mean [rows], inverse deviation [rows]
void layerNorm(void* kernel, TF_OpKernelContext* context) {
  const float epsilon = static_cast<LayerNorm*>(kernel)->epsilon;
  Call call(context);
  const auto shape = call.shape(0);
  const int64_t c = shape.back(), rows = size(shape) / c;
  const float *x = call.input(0), *weight = call.input(1), *bias = call.input(2);
  float *y = call.output(0, shape), *mean = call.output(1, {rows}), *inverse = call.output(2, {rows});
  parallel(rows, c, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) {
      const float* in = x + r * c;
      float sum = 0, squares = 0;
      for (int64_t k = 0; k < c; k++) sum += in[k];
      const float m = sum / static_cast<float>(c);
      for (int64_t k = 0; k < c; k++) squares += (in[k] - m) * (in[k] - m);
      const float inv = 1.f / std::sqrt(squares / static_cast<float>(c) + epsilon);
      for (int64_t k = 0; k < c; k++) y[r * c + k] = (in[k] - m) * inv * weight[k] + bias[k];
      mean[r] = m;
      inverse[r] = inv;
    }
  });
}

// dy, x, weight, mean, inverse -> dx, dweight, dbias
void layerNormGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  const auto shape = call.shape(1);
  const int64_t c = shape.back(), rows = size(shape) / c;
  const float *dy = call.input(0), *x = call.input(1), *weight = call.input(2), *mean = call.input(3);
  const float* inverse = call.input(4);
  float *dx = call.output(0, shape), *dWeight = call.output(1, {c}), *dBias = call.output(2, {c});
  // Sums over blocks of rows, added up in one order whichever core is done first: training goes on bit for bit.
  const int64_t blocks = std::min<int64_t>(rows, 64);
  std::vector<float> weights(blocks * c, 0.f), biases(blocks * c, 0.f);
  parallel(blocks, rows / blocks * c, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; block++) {
      float *w = weights.data() + block * c, *b = biases.data() + block * c;
      for (int64_t r = rows * block / blocks; r < rows * (block + 1) / blocks; r++) {
        const float *in = x + r * c, *d = dy + r * c, m = mean[r], inv = inverse[r];
        float sum = 0, product = 0;
        for (int64_t k = 0; k < c; k++) {
          const float xhat = (in[k] - m) * inv, wd = d[k] * weight[k];
          sum += wd;
          product += wd * xhat;
          w[k] += d[k] * xhat;
          b[k] += d[k];
        }
        sum /= static_cast<float>(c);
        product /= static_cast<float>(c);
        for (int64_t k = 0; k < c; k++)
          dx[r * c + k] = inv * (d[k] * weight[k] - sum - (in[k] - m) * inv * product);
      }
    }
  });
  std::fill(dWeight, dWeight + c, 0.f);
  std::fill(dBias, dBias + c, 0.f);
  for (int64_t block = 0; block < blocks; block++) {
    for (int64_t k = 0; k < c; k++) {
      dWeight[k] += weights[block * c + k];
      dBias[k] += biases[block * c + k];
    }
  }
}

// ---- GEGLU: x [..., 2c] = (value, gate) -> value gelu(gate) [..., c] ----

void gatedGelu(void*, TF_OpKernelContext* context) {
  Call call(context);
  auto shape = call.shape(0);
  const int64_t c = shape.back() / 2, rows = size(shape) / (2 * c);
  const float* x = call.input(0);
  shape.back() = c;
  float* y = call.output(0, shape);
  parallel(rows, 2 * c, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) {
      const float *value = x + 2 * r * c, *gate = value + c;
      for (int64_t k = 0; k < c; k++) {
        float distribution, density;
        normal(gate[k], distribution, density);
        y[r * c + k] = value[k] * gate[k] * distribution;
      }
    }
  });
}

// dy, x -> dx
void gatedGeluGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  const auto shape = call.shape(1);
  const int64_t c = shape.back() / 2, rows = size(shape) / (2 * c);
  const float *dy = call.input(0), *x = call.input(1);
  float* dx = call.output(0, shape);
  parallel(rows, 2 * c, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) {
      const float *value = x + 2 * r * c, *gate = value + c, *d = dy + r * c;
      float *dValue = dx + 2 * r * c, *dGate = dValue + c;
      for (int64_t k = 0; k < c; k++) {
        float distribution, density;
        normal(gate[k], distribution, density);
        dValue[k] = d[k] * gate[k] * distribution;
        dGate[k] = d[k] * value[k] * (distribution + gate[k] * density);
      }
    }
  });
}

// ---- AdamW ----

// weights, gradient, first, second, mask, (beta1, beta2, epsilon, rate, decay, clip norm) -> weights, first, second, norm
void adamW(void*, TF_OpKernelContext* context) {
  Call call(context);
  const auto shape = call.shape(0);
  const int64_t count = size(shape);
  const float *w = call.input(0), *g = call.input(1), *m = call.input(2), *v = call.input(3), *mask = call.input(4);
  const float* option = call.input(5);
  const float beta1 = option[0], beta2 = option[1], epsilon = option[2], rate = option[3], decay = option[4];
  float *nextW = call.output(0, shape), *nextM = call.output(1, shape), *nextV = call.output(2, shape);
  float* norm = call.output(3, {});
  constexpr int64_t stretch = 1 << 12;  // summed in float32, then in float64
  // Summed in one order, whichever core is done first: training goes on bit for bit.
  std::vector<float> partial((count + stretch - 1) / stretch, 0.f);
  parallel(static_cast<int64_t>(partial.size()), stretch, [&](int64_t from, int64_t to) {
    for (int64_t s = from; s < to; s++) {
      float part = 0;
      for (int64_t i = s * stretch; i < std::min(count, (s + 1) * stretch); i++) part += g[i] * g[i];
      partial[s] = part;
    }
  });
  *norm = static_cast<float>(std::sqrt(std::accumulate(partial.begin(), partial.end(), 0.0)));
  const float clip = std::min(1.f, option[5] / (*norm + 1e-6f));
  parallel(count, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const float d = g[i] * clip;
      const float first = beta1 * m[i] + (1.f - beta1) * d, second = beta2 * v[i] + (1.f - beta2) * d * d;
      nextM[i] = first;
      nextV[i] = second;
      nextW[i] = w[i] * (1.f - decay * mask[i]) - rate * first / (std::sqrt(second) + epsilon);
    }
  });
}

// from, to, share -> from + share (to - from)
void blend(void*, TF_OpKernelContext* context) {
  Call call(context);
  const auto shape = call.shape(0);
  const float *a = call.input(0), *b = call.input(1), share = *call.input(2);
  float* y = call.output(0, shape);
  parallel(size(shape), 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) y[i] = a[i] + share * (b[i] - a[i]);
  });
}

// ---- Registration ----

template <typename Kernel>
void* create(TF_OpKernelConstruction* construction) {
  return new Kernel(construction);
}
template <typename Kernel>
void destroy(void* kernel) {
  delete static_cast<Kernel*>(kernel);
}

struct Definition {
  const char* name;
  std::vector<const char*> inputs, outputs, attributes;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

void registerKernel(const Definition& definition) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(definition.name);
  for (const char* input : definition.inputs) TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : definition.outputs) TF_OpDefinitionBuilderAddOutput(op, output);
  for (const char* attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(op, attribute);
  TF_RegisterOpDefinition(op, status);
  TF_RegisterKernelBuilder(
      definition.name,
      TF_NewKernelBuilder(definition.name, "CPU", definition.create, definition.compute, definition.destroy), status);
  TF_DeleteStatus(status);
}

void registerAll() {
  if (const char* threads = std::getenv("TF_NUM_INTRAOP_THREADS"))
    if (std::atoi(threads) > 0) omp_set_num_threads(std::atoi(threads));
  const std::vector<const char*> groupOptions = {"groups: int", "epsilon: float", "silu: bool"};
  registerKernel({"DiffPrivacyGroupNorm", {"x: float", "weight: float", "bias: float"},
                  {"y: float", "mean: float", "inverse: float"}, groupOptions,
                  create<GroupNorm>, groupNorm, destroy<GroupNorm>});
  registerKernel({"DiffPrivacyGroupNormGradient",
                  {"dy: float", "x: float", "weight: float", "bias: float", "mean: float", "inverse: float"},
                  {"dx: float", "dweight: float", "dbias: float"}, groupOptions,
                  create<GroupNorm>, groupNormGradient, destroy<GroupNorm>});
  registerKernel({"DiffPrivacyLayerNorm", {"x: float", "weight: float", "bias: float"},
                  {"y: float", "mean: float", "inverse: float"}, {"epsilon: float"},
                  create<LayerNorm>, layerNorm, destroy<LayerNorm>});
  registerKernel({"DiffPrivacyLayerNormGradient",
                  {"dy: float", "x: float", "weight: float", "mean: float", "inverse: float"},
                  {"dx: float", "dweight: float", "dbias: float"}, {}, nullptr, layerNormGradient, nullptr});
  registerKernel({"DiffPrivacyGatedGelu", {"x: float"}, {"y: float"}, {}, nullptr, gatedGelu, nullptr});
  registerKernel({"DiffPrivacyGatedGeluGradient", {"dy: float", "x: float"}, {"dx: float"}, {},
                  nullptr, gatedGeluGradient, nullptr});
  registerKernel({"DiffPrivacyAdamW",
                  {"weights: float", "gradient: float", "first: float", "second: float", "mask: float", "options: float"},
                  {"next: float", "next_first: float", "next_second: float", "norm: float"}, {}, nullptr, adamW, nullptr});
  registerKernel({"DiffPrivacyBlend", {"from: float", "to: float", "share: float"}, {"y: float"}, {},
                  nullptr, blend, nullptr});
}

}  // namespace

/** What Node calls when it loads the file as an addon; it has nothing to export. */
extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) {
  registerAll();
  return exports;
}
