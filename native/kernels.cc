// Fused kernels of the `tensorflow` backend, registered through TensorFlow's C interface. `npm run native` compiles them for
// the processor at hand; without them the same operations are made of TensorFlow's own ones (src/models/ops), several times
// as many passes over memory. Everything is float32, images are NHWC.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <omp.h>

#include "products.h"
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

int64_t size(const std::vector<int64_t>& dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<int64_t>());
}

/** Inputs and outputs; what the library refuses, and what is not as expected, is an exception, which `run` reports. */
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
  /** An input that counts only if the call says so (otherwise null), of one of two sizes. */
  const float* optional(int i, bool given, const char* name, int64_t wanted, int64_t alternative) {
    if (!given) return nullptr;
    const int64_t found = size(shape(i));
    if (found != wanted && found != alternative)
      throw std::invalid_argument(std::string("expected ") + name + " of " + std::to_string(wanted) + " values, found " +
                                  std::to_string(found));
    return input(i);
  }
  float* output(int i, const std::vector<int64_t>& dims) {
    TF_Tensor* y = TF_AllocateOutput(context_, i, TF_FLOAT, dims.data(), static_cast<int>(dims.size()),
                                     static_cast<size_t>(size(dims)) * sizeof(float), status_);
    check();
    tensors_.push_back(y);
    return static_cast<float*>(TF_TensorData(y));
  }
  /** Ends the operation in an error. */
  void fail(const char* message) {
    TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
    TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  TF_Tensor* tensor(int i) {
    if (inputs_.size() <= static_cast<size_t>(i)) inputs_.resize(i + 1);
    if (!inputs_[i]) {
      TF_GetInput(context_, i, &inputs_[i], status_);
      check();
      tensors_.push_back(inputs_[i]);
    }
    return inputs_[i];
  }
  void check() const {
    if (TF_GetCode(status_) != TF_OK) throw std::runtime_error(TF_Message(status_));
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_;
  std::vector<TF_Tensor*> tensors_;
};

/** A kernel as the library calls it. */
template <void (*Compute)(void*, Call&)>
void run(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  try {
    Compute(kernel, call);
  } catch (const std::exception& error) {
    call.fail(error.what());
  }
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
void groupNorm(void* kernel, Call& call) {
  const GroupNorm& options = *static_cast<GroupNorm*>(kernel);
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
void groupNormGradient(void* kernel, Call& call) {
  const GroupNorm& options = *static_cast<GroupNorm*>(kernel);
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
void layerNorm(void* kernel, Call& call) {
  const float epsilon = static_cast<LayerNorm*>(kernel)->epsilon;
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
void layerNormGradient(void*, Call& call) {
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

void gatedGelu(void*, Call& call) {
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
void gatedGeluGradient(void*, Call& call) {
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

// ---- Convolutions and matrix products ----

int64_t integerOf(TF_OpKernelConstruction* construction, const char* name) {
  TF_Status* status = TF_NewStatus();
  int64_t value = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, name, &value, status);
  TF_DeleteStatus(status);
  return value;
}
bool flagOf(TF_OpKernelConstruction* construction, const char* name) {
  TF_Status* status = TF_NewStatus();
  unsigned char value = 0;
  TF_OpKernelConstruction_GetAttrBool(construction, name, &value, status);
  TF_DeleteStatus(status);
  return value;
}

/** Floating-point operations that take about as long as one of the values that `parallel` counts by. */
constexpr int64_t kOperationsAValue = 32;
/** Rows that one core takes at a time: whole tiles of either kind. */
constexpr int64_t kRowsAtOnce = 4 * products::kRows;
/** Values of zero-padded images that are held at once. */
constexpr int64_t kScratch = 1 << 21;

/** f(first row, last row) over cores, for rows of products that take so many operations each. */
template <typename F>
void overRows(int64_t rows, int64_t operations, F f) {
  const int64_t parts = (rows + kRowsAtOnce - 1) / kRowsAtOnce;
  parallel(parts, kRowsAtOnce * operations / kOperationsAValue,
           [&](int64_t from, int64_t to) { f(from * kRowsAtOnce, std::min(rows, to * kRowsAtOnce)); });
}

/** A matrix [rows, columns] whose columns fill vectors: itself, or a copy with zeros behind. */
struct WideMatrix {
  std::vector<float> copy;
  const float* values;
  int64_t width;

  WideMatrix(const float* matrix, int64_t rows, int64_t columns, int64_t stride)
      : values(matrix), width(stride) {
    if (columns % products::kLanes == 0) return;
    width = products::wideEnough(columns);
    copy.assign(rows * width, 0.f);
    for (int64_t r = 0; r < rows; r++) std::copy_n(matrix + r * stride, columns, &copy[r * width]);
    values = copy.data();
  }
};

/** Values that begin where a cache line does: vectors that lie across two of them take twice as long to load. */
class Aligned {
 public:
  explicit Aligned(int64_t count) : memory_(count + 16) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    begin_ = memory_.data() + (64 - address % 64) % 64 / sizeof(float);
  }
  float* data() { return begin_; }

 private:
  std::vector<float> memory_;
  float* begin_;
};

/** Images [n, h, w, c] with zeros around: `before` rows above and columns to the left, [n, height, width, c] in all. */
struct Padded {
  int64_t before, height, width, c;
  Aligned memory;
  const float* values;

  /** @param gate where given, values are kept only where it is above 0 */
  Padded(const float* x, const float* gate, int64_t n, int64_t h, int64_t w, int64_t c, int64_t before, int64_t height,
         int64_t width)
      : before(before), height(height), width(width), c(c),
        memory(!gate && height == h && width == w ? 0 : n * height * width * c), values(x) {
    if (!gate && height == h && width == w) return;
    values = memory.data();
    for (int64_t r = 0; r < n * h; r++) {
      float* to = memory.data() + ((r / h * height + before + r % h) * width + before) * c;
      const float* from = x + r * w * c;
      if (!gate) std::memcpy(to, from, sizeof(float) * w * c);
      else
        for (int64_t i = 0; i < w * c; i++) to[i] = gate[r * w * c + i] > 0 ? from[i] : 0.f;
    }
  }
  const float* at(int64_t image, int64_t row, int64_t column) const {
    return values + ((image * height + row) * width + column) * c;
  }
};

struct Convolution {
  int64_t stride, height, width;
  bool same, relu, biased, added;
  explicit Convolution(TF_OpKernelConstruction* c)
      : stride(integerOf(c, "stride")), height(0), width(0), same(flagOf(c, "same")), relu(flagOf(c, "relu")) {}
};
struct ForwardConvolution : Convolution {
  explicit ForwardConvolution(TF_OpKernelConstruction* c) : Convolution(c) {
    biased = flagOf(c, "biased");
    added = flagOf(c, "added");
  }
};
struct BackwardConvolution : Convolution {
  explicit BackwardConvolution(TF_OpKernelConstruction* c) : Convolution(c) {
    height = integerOf(c, "height");
    width = integerOf(c, "width");
  }
};

/** Whether any of the positions at + stride i, i < count, lies within 0..length: other taps meet only zeros. */
bool meets(int64_t at, int64_t stride, int64_t count, int64_t length) {
  return at < length && at + stride * (count - 1) >= 0;
}

// x [n, h, w, c], filter [kh, kw, c, o], bias [o], addend [n, h', w', o] or [n, ..., o] -> y [n, h', w', o]
void convolution(void* kernel, Call& call) {
  const Convolution& options = *static_cast<ForwardConvolution*>(kernel);
  const auto shape = call.shape(0), filterShape = call.shape(1);
  const int64_t n = shape[0], h = shape[1], w = shape[2], c = shape[3];
  const int64_t kh = filterShape[0], kw = filterShape[1], o = filterShape[3], s = options.stride;
  const int64_t rowsOut = options.same ? h : (h - kh) / s + 1, columnsOut = options.same ? w : (w - kw) / s + 1;
  const int64_t everywhere = n * rowsOut * columnsOut * o;
  const float *x = call.input(0), *bias = call.optional(2, options.biased, "a bias", o, o);
  const float* addend = call.optional(3, options.added, "an addend", everywhere, n * o);
  const bool everyPixel = addend && size(call.shape(3)) == everywhere;
  float* y = call.output(0, {n, rowsOut, columnsOut, o});

  const WideMatrix filter(call.input(1), kh * kw * c, o, o);
  const int64_t above = options.same ? (kh - 1) / 2 : 0, left = options.same ? (kw - 1) / 2 : 0;
  const int64_t before = std::max(above, left);
  const int64_t height = options.same ? h + 2 * before : h, width = options.same ? w + 2 * before : w;
  const int64_t atOnce = std::max<int64_t>(1, kScratch / (height * width * c)), pixels = rowsOut * columnsOut;
  std::vector<products::Tap> taps;
  for (int64_t ky = 0; ky < kh; ky++)
    for (int64_t kx = 0; kx < kw; kx++)
      if (meets(ky - above, s, rowsOut, h) && meets(kx - left, s, columnsOut, w))
        taps.push_back({((ky + before - above) * width + kx + before - left) * c,
                        filter.values + (ky * kw + kx) * c * filter.width});
  const int64_t tapCount = static_cast<int64_t>(taps.size());
  std::vector<products::Row> rows(std::min(atOnce, n) * pixels);
  for (int64_t first = 0; first < n; first += atOnce) {
    const int64_t images = std::min(atOnce, n - first);
    const Padded padded(x + first * h * w * c, nullptr, images, h, w, c, before, height, width);
    for (int64_t p = 0; p < images * pixels; p++) {
      const int64_t image = p / pixels, pixel = p % pixels, all = first * pixels + p;
      rows[p] = {padded.at(image, pixel / columnsOut * s, pixel % columnsOut * s), y + all * o,
                 addend ? addend + (everyPixel ? all : first + image) * o : nullptr};
    }
    overRows(images * pixels, 2 * tapCount * c * o, [&](int64_t from, int64_t to) {
      products::product(rows.data(), from, to, taps.data(), tapCount, c, filter.width, o, {bias, options.relu});
    });
  }
}

// dy [n, h', w', o], filter [kh, kw, c, o], y (of a relu) -> dx [n, height, width, c]
void convolutionGradient(void* kernel, Call& call) {
  const Convolution& options = *static_cast<BackwardConvolution*>(kernel);
  const auto shape = call.shape(0), filterShape = call.shape(1);
  const int64_t n = shape[0], h = shape[1], w = shape[2], o = shape[3], height = options.height, width = options.width;
  const int64_t kh = filterShape[0], kw = filterShape[1], c = filterShape[2], s = options.stride;
  const float *dy = call.input(0), *filter = call.input(1), *y = options.relu ? call.input(2) : nullptr;
  float* dx = call.output(0, {n, height, width, c});

  // dx at i is the sum of dy at j times the filter at k, over i + above = j stride + k. With i + above = q stride + e the
  // taps are k = e + stride m, and j = q - m: the same m for all i of one e.
  const int64_t above = options.same ? (kh - 1) / 2 : 0, left = options.same ? (kw - 1) / 2 : 0;
  const int64_t before = (std::max(kh, kw) - 1) / s;
  const int64_t paddedHeight = before + std::max(h, (height - 1 + above) / s + 1);
  const int64_t paddedWidth = before + std::max(w, (width - 1 + left) / s + 1);
  const int64_t atOnce = std::max<int64_t>(1, kScratch / (paddedHeight * paddedWidth * o));
  std::vector<products::Tap> taps;
  std::vector<products::Row> rows;
  for (int64_t first = 0; first < n; first += atOnce) {
    const int64_t images = std::min(atOnce, n - first), skipped = first * h * w * o;
    const Padded padded(dy + skipped, y ? y + skipped : nullptr, images, h, w, o, before, paddedHeight, paddedWidth);
    for (int64_t e = 0; e < s * s; e++) {
      const int64_t down = e / s, right = e % s;
      taps.clear();
      for (int64_t ky = down; ky < kh; ky += s)
        for (int64_t kx = right; kx < kw; kx += s)
          if (meets(-(ky / s), 1, (height - 1 + above) / s + 1, h) && meets(-(kx / s), 1, (width - 1 + left) / s + 1, w))
            taps.push_back({-((ky / s) * paddedWidth + kx / s) * o, filter + (ky * kw + kx) * c * o});
      rows.clear();
      for (int64_t image = 0; image < images; image++)
        for (int64_t i = ((down - above) % s + s) % s; i < height; i += s)
          for (int64_t j = ((right - left) % s + s) % s; j < width; j += s)
            rows.push_back({padded.at(image, (i + above) / s + before, (j + left) / s + before),
                            dx + (((first + image) * height + i) * width + j) * c, nullptr});
      const int64_t count = static_cast<int64_t>(rows.size()), tapCount = static_cast<int64_t>(taps.size());
      overRows(count, 2 * tapCount * c * o, [&](int64_t from, int64_t to) {
        products::transposedProduct(rows.data(), from, to, taps.data(), tapCount, o, o, c, {nullptr, false});
      });
    }
  }
}

struct Affine {
  bool transposed, biased, added;
  explicit Affine(TF_OpKernelConstruction* c)
      : transposed(flagOf(c, "transposed")), biased(flagOf(c, "biased")), added(flagOf(c, "added")) {}
};

// x [..., i], weight [i, o] or transposed [o, i], bias [o], addend [..., o] -> y [..., o]
void affine(void* kernel, Call& call) {
  const Affine& options = *static_cast<Affine*>(kernel);
  auto shape = call.shape(0);
  const auto weightShape = call.shape(1);
  const int64_t inner = shape.back(), count = size(shape) / inner, o = weightShape[options.transposed ? 0 : 1];
  shape.back() = o;
  const float *x = call.input(0), *weight = call.input(1), *bias = call.optional(2, options.biased, "a bias", o, o);
  const float* addend = call.optional(3, options.added, "an addend", count * o, count * o);
  float* y = call.output(0, shape);
  std::vector<products::Row> rows(count);
  for (int64_t r = 0; r < count; r++) rows[r] = {x + r * inner, y + r * o, addend ? addend + r * o : nullptr};
  const products::Finish ending = {bias, false};
  if (options.transposed) {
    const products::Tap tap = {0, weight};
    overRows(count, 2 * inner * o, [&](int64_t from, int64_t to) {
      products::transposedProduct(rows.data(), from, to, &tap, 1, inner, inner, o, ending);
    });
  } else {
    const WideMatrix wide(weight, inner, o, o);
    const products::Tap tap = {0, wide.values};
    overRows(count, 2 * inner * o, [&](int64_t from, int64_t to) {
      products::product(rows.data(), from, to, &tap, 1, inner, wide.width, o, ending);
    });
  }
}

// dy, y -> dy where y is above 0
void reluGradient(void*, Call& call) {
  const auto shape = call.shape(0);
  const float *dy = call.input(0), *y = call.input(1);
  float* dx = call.output(0, shape);
  parallel(size(shape), 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) dx[i] = y[i] > 0 ? dy[i] : 0.f;
  });
}

// ---- Maxima of windows ----

struct Pool {
  int64_t side, stride;
  explicit Pool(TF_OpKernelConstruction* c) : side(integerOf(c, "side")), stride(integerOf(c, "stride")) {}
};

// dy [n, h', w', c], x [n, h, w, c] -> dx: each window's gradient goes to the first of its largest values
void maxPoolGradient(void* kernel, Call& call) {
  const Pool& options = *static_cast<Pool*>(kernel);
  const auto shape = call.shape(1), outShape = call.shape(0);
  const int64_t h = shape[1], w = shape[2], c = shape[3], rows = outShape[1], columns = outShape[2];
  const float *dy = call.input(0), *x = call.input(1);
  float* dx = call.output(0, shape);
  std::fill_n(dx, size(shape), 0.f);
  parallel(shape[0], rows * columns * c * options.side, [&](int64_t first, int64_t last) {
    std::vector<float> most(c);
    std::vector<int32_t> where(c);
    for (int64_t i = first * rows * columns; i < last * rows * columns; i++) {
      const int64_t image = i / (rows * columns), row = i / columns % rows * options.stride;
      const int64_t corner = ((image * h + row) * w + i % columns * options.stride) * c;
      std::copy_n(x + corner, c, most.data());
      std::fill(where.begin(), where.end(), 0);
      for (int64_t k = 1; k < options.side * options.side; k++) {
        const int32_t offset = static_cast<int32_t>((k / options.side * w + k % options.side) * c);
        const float* __restrict in = x + corner + offset;
        float* __restrict largest = most.data();
        int32_t* __restrict at = where.data();
        for (int64_t j = 0; j < c; j++) {
          at[j] = in[j] > largest[j] ? offset : at[j];
          largest[j] = in[j] > largest[j] ? in[j] : largest[j];
        }
      }
      for (int64_t j = 0; j < c; j++) dx[corner + where[j] + j] += dy[i * c + j];
    }
  });
}

// ---- Attention: softmax(q k' / sqrt(d)) v for every sample and head, the scores of few queries at a time ----

/** Rows [n, length, heads, d], of which an item is one sample's and one head's. */
struct Heads {
  int64_t n, heads, d, queries, keys;

  Heads(int64_t n, int64_t heads, const std::vector<int64_t>& q, const std::vector<int64_t>& k)
      : n(n), heads(heads), d(q.back() / heads), queries(size(q) / n / q.back()), keys(size(k) / n / k.back()) {}
  int64_t width() const { return heads * d; }
  /** Where an item begins in a tensor whose samples have `length` rows. */
  int64_t at(int64_t item, int64_t length) const { return item / heads * length * width() + item % heads * d; }
};

/** Queries whose scores are held at once. */
constexpr int64_t kQueries = 4 * products::kRows;

/** Rows of `width` values -> [d, wideEnough(count)], zeros behind. */
std::vector<float> transposedHead(const float* x, int64_t count, int64_t width, int64_t d) {
  const int64_t wide = products::wideEnough(count);
  std::vector<float> y(d * wide, 0.f);
  for (int64_t r = 0; r < count; r++)
    for (int64_t i = 0; i < d; i++) y[i * wide + r] = x[r * width + i];
  return y;
}

/** y[r] = x[r] matrix for `count` rows that lie so far apart; added to y where `adds`. */
void rowsTimes(const float* x, int64_t xStride, float* y, int64_t yStride, int64_t count, const float* matrix, int64_t k,
               int64_t width, int64_t columns, bool adds) {
  products::Row rows[kQueries];
  const products::Tap tap = {0, matrix};
  for (int64_t first = 0; first < count; first += kQueries) {
    const int64_t part = std::min(kQueries, count - first);
    for (int64_t r = 0; r < part; r++) {
      float* to = y + (first + r) * yStride;
      rows[r] = {x + (first + r) * xStride, to, adds ? to : nullptr};
    }
    products::product(rows, 0, part, &tap, 1, k, width, columns, {nullptr, false});
  }
}

/** Softmax of scale x, in place. */
void softmax(float* x, int64_t count, float scale) {
  float most[products::kLanes];
  std::fill_n(most, products::kLanes, x[0]);
  int64_t i = 0;
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
  int64_t heads, samples;
  explicit Attention(TF_OpKernelConstruction* c) : heads(integerOf(c, "heads")), samples(integerOf(c, "samples")) {}
};

// q, k, v -> y
void attention(void* kernel, Call& call) {
  const Attention& options = *static_cast<Attention*>(kernel);
  const auto shape = call.shape(0);
  const Heads sizes(options.samples, options.heads, shape, call.shape(1));
  const float *q = call.input(0), *k = call.input(1), *v = call.input(2);
  float* y = call.output(0, shape);
  const int64_t d = sizes.d, width = sizes.width(), t = sizes.queries, s = sizes.keys;
  const float scale = 1.f / std::sqrt(static_cast<float>(d));
  parallel(sizes.n * sizes.heads, t * s * 4 * d / kOperationsAValue, [&](int64_t from, int64_t to) {
    const int64_t wide = products::wideEnough(s);
    Aligned scores(kQueries * wide);
    for (int64_t item = from; item < to; item++) {
      const std::vector<float> keys = transposedHead(k + sizes.at(item, s), s, width, d);
      const WideMatrix values(v + sizes.at(item, s), s, d, width);
      for (int64_t first = 0; first < t; first += kQueries) {
        const int64_t count = std::min(kQueries, t - first), at = sizes.at(item, t) + first * width;
        rowsTimes(q + at, width, scores.data(), wide, count, keys.data(), d, wide, s, false);
        for (int64_t r = 0; r < count; r++) softmax(scores.data() + r * wide, s, scale);
        rowsTimes(scores.data(), wide, y + at, width, count, values.values, s, values.width, d, false);
      }
    }
  });
}

// dy, q, k, v -> dq, dk, dv; the weights are computed anew
void attentionGradient(void* kernel, Call& call) {
  const Attention& options = *static_cast<Attention*>(kernel);
  const auto shape = call.shape(1), keyShape = call.shape(2);
  const Heads sizes(options.samples, options.heads, shape, keyShape);
  const float *dy = call.input(0), *q = call.input(1), *k = call.input(2), *v = call.input(3);
  float *dq = call.output(0, shape), *dk = call.output(1, keyShape), *dv = call.output(2, keyShape);
  const int64_t d = sizes.d, width = sizes.width(), t = sizes.queries, s = sizes.keys;
  const float scale = 1.f / std::sqrt(static_cast<float>(d));
  parallel(sizes.n * sizes.heads, t * s * 10 * d / kOperationsAValue, [&](int64_t from, int64_t to) {
    const int64_t wide = products::wideEnough(s);
    Aligned weights(kQueries * wide), slopes(kQueries * wide), turned(s * kQueries);
    const auto turn = [&](Aligned& x, int64_t count) {
      for (int64_t r = 0; r < count; r++)
        for (int64_t j = 0; j < s; j++) turned.data()[j * kQueries + r] = x.data()[r * wide + j];
    };
    for (int64_t item = from; item < to; item++) {
      const int64_t head = sizes.at(item, s);
      const std::vector<float> keys = transposedHead(k + head, s, width, d);
      const std::vector<float> values = transposedHead(v + head, s, width, d);
      const WideMatrix keyRows(k + head, s, d, width);
      for (int64_t first = 0; first < t; first += kQueries) {
        const int64_t count = std::min(kQueries, t - first), at = sizes.at(item, t) + first * width;
        rowsTimes(q + at, width, weights.data(), wide, count, keys.data(), d, wide, s, false);
        rowsTimes(dy + at, width, slopes.data(), wide, count, values.data(), d, wide, s, false);
        for (int64_t r = 0; r < count; r++) {
          float *p = weights.data() + r * wide, *slope = slopes.data() + r * wide, along = 0;
          softmax(p, s, scale);
          for (int64_t j = 0; j < s; j++) along += p[j] * slope[j];
          for (int64_t j = 0; j < s; j++) slope[j] = p[j] * (slope[j] - along) * scale;
        }
        rowsTimes(slopes.data(), wide, dq + at, width, count, keyRows.values, s, keyRows.width, d, false);
        turn(slopes, count);
        const WideMatrix queries(q + at, count, d, width), gradients(dy + at, count, d, width);
        rowsTimes(turned.data(), kQueries, dk + head, width, s, queries.values, count, queries.width, d, first > 0);
        turn(weights, count);
        rowsTimes(turned.data(), kQueries, dv + head, width, s, gradients.values, count, gradients.width, d, first > 0);
      }
    }
  });
}

// ---- AdamW ----

// weights, gradient, first, second, mask, (beta1, beta2, epsilon, rate, decay, clip norm) -> weights, first, second, norm
void adamW(void*, Call& call) {
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
void blend(void*, Call& call) {
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
                  create<GroupNorm>, run<groupNorm>, destroy<GroupNorm>});
  registerKernel({"DiffPrivacyGroupNormGradient",
                  {"dy: float", "x: float", "weight: float", "bias: float", "mean: float", "inverse: float"},
                  {"dx: float", "dweight: float", "dbias: float"}, groupOptions,
                  create<GroupNorm>, run<groupNormGradient>, destroy<GroupNorm>});
  registerKernel({"DiffPrivacyLayerNorm", {"x: float", "weight: float", "bias: float"},
                  {"y: float", "mean: float", "inverse: float"}, {"epsilon: float"},
                  create<LayerNorm>, run<layerNorm>, destroy<LayerNorm>});
  registerKernel({"DiffPrivacyLayerNormGradient",
                  {"dy: float", "x: float", "weight: float", "mean: float", "inverse: float"},
                  {"dx: float", "dweight: float", "dbias: float"}, {}, nullptr, run<layerNormGradient>, nullptr});
  registerKernel({"DiffPrivacyGatedGelu", {"x: float"}, {"y: float"}, {}, nullptr, run<gatedGelu>, nullptr});
  registerKernel({"DiffPrivacyGatedGeluGradient", {"dy: float", "x: float"}, {"dx: float"}, {},
                  nullptr, run<gatedGeluGradient>, nullptr});
  registerKernel({"DiffPrivacyConvolution", {"x: float", "filter: float", "bias: float", "addend: float"}, {"y: float"},
                  {"stride: int", "same: bool", "relu: bool", "biased: bool", "added: bool"},
                  create<ForwardConvolution>, run<convolution>, destroy<ForwardConvolution>});
  registerKernel({"DiffPrivacyConvolutionGradient", {"dy: float", "filter: float", "y: float"}, {"dx: float"},
                  {"stride: int", "same: bool", "relu: bool", "height: int", "width: int"},
                  create<BackwardConvolution>, run<convolutionGradient>, destroy<BackwardConvolution>});
  registerKernel({"DiffPrivacyAffine", {"x: float", "weight: float", "bias: float", "addend: float"}, {"y: float"},
                  {"transposed: bool", "biased: bool", "added: bool"}, create<Affine>, run<affine>, destroy<Affine>});
  registerKernel({"DiffPrivacyReluGradient", {"dy: float", "y: float"}, {"dx: float"}, {}, nullptr, run<reluGradient>, nullptr});
  registerKernel({"DiffPrivacyMaxPoolGradient", {"dy: float", "x: float"}, {"dx: float"}, {"side: int", "stride: int"},
                  create<Pool>, run<maxPoolGradient>, destroy<Pool>});
  registerKernel({"DiffPrivacyAttention", {"q: float", "k: float", "v: float"}, {"y: float"}, {"heads: int", "samples: int"},
                  create<Attention>, run<attention>, destroy<Attention>});
  registerKernel({"DiffPrivacyAttentionGradient", {"dy: float", "q: float", "k: float", "v: float"},
                  {"dq: float", "dk: float", "dv: float"}, {"heads: int", "samples: int"},
                  create<Attention>, run<attentionGradient>, destroy<Attention>});
  registerKernel({"DiffPrivacyAdamW",
                  {"weights: float", "gradient: float", "first: float", "second: float", "mask: float", "options: float"},
                  {"next: float", "next_first: float", "next_second: float", "norm: float"}, {}, nullptr, run<adamW>, nullptr});
  registerKernel({"DiffPrivacyBlend", {"from: float", "to: float", "share: float"}, {"y: float"}, {},
                  nullptr, run<blend>, nullptr});
}

}  // namespace

/** What Node calls when it loads the file as an addon; it has nothing to export. */
extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) {
  registerAll();
  return exports;
}
