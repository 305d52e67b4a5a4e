// Convolutions and matrix products of few rows, where a library's packing of weights and its passes for bias, residual and
// activation cost more than the arithmetic. Both are sums over taps of rows times a matrix: a tile of rows and columns stays
// in registers while all taps run. Everything is float32.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "shape.h"

#if defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>
#endif

namespace products {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kWide = 4, kColumns = 4;
#elif defined(__AVX__)
constexpr int kLanes = 8, kWide = 2, kColumns = 2;
#elif defined(__wasm__)
constexpr int kLanes = 4, kWide = 3, kColumns = 2;
#else
constexpr int kLanes = 4, kWide = 4, kColumns = 4;
#endif

/**
 * Rows of a tile: of the tiles that hold columns as vectors, and of those that hold sums of products. And rows that are taken
 * with one matrix after the other while they are in the cache.
 */
#if defined(__wasm__)
constexpr int kRows = 3, kSumRows = 4;
constexpr Index kRowsInCache = 16 * kRows;
#else
constexpr int kRows = 6, kSumRows = 4;
constexpr Index kRowsInCache = Index{1} << 40;
#endif

typedef float Vector __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

/** value * v + sum, rounded once where the processor can. */
inline Vector multiplyAdd(Vector value, Vector v, Vector sum) {
#if defined(__wasm_relaxed_simd__)
  return reinterpret_cast<Vector>(wasm_f32x4_relaxed_madd(reinterpret_cast<v128_t>(value), reinterpret_cast<v128_t>(v),
                                                          reinterpret_cast<v128_t>(sum)));
#else
  return sum + value * v;
#endif
}

/** Values of a cache line. */
constexpr Index kLine = 16;
/** Columns that are multiplied at once. */
constexpr Index kPanel = kWide * kLanes;

/** Where matrices have their values: row i of column c at i * row + c / kPanel * panel + c % kPanel. */
struct Layout {
  Index row, panel;
  Index at(Index i, Index c) const { return i * row + c / kPanel * panel + c % kPanel; }
};

/** Rows one after the other, so many values apart. */
inline Layout rowsOf(Index width) { return {width, kPanel}; }

/** A term of the sum: where its row begins after the row of the first tap, its matrix, and how many products it is of. */
struct Tap {
  Index offset;
  const float* matrix;
  Index k;
};

/** Joins taps whose rows and matrices continue the ones before: fewer and longer loops. @param row between a matrix's rows */
inline void join(std::vector<Tap>& taps, Index row) {
  size_t last = 0;
  for (size_t t = 1; t < taps.size(); t++) {
    Tap& before = taps[last];
    const bool continues = taps[t].offset == before.offset + before.k && taps[t].matrix == before.matrix + before.k * row;
    if (continues) before.k += taps[t].k;
    else taps[++last] = taps[t];
  }
  if (!taps.empty()) taps.resize(last + 1);
}

/** What is done with a row's sum: y = sum + bias + addend, at least 0 when relu; bias and addend may be absent. */
struct Finish {
  const float* bias;
  bool relu;
};

/** Adds bias and addend [count] to sums and stores them. */
inline void finish(const Finish& options, const float* sums, const float* bias, const float* addend, float* y,
                   Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; i++) {
    float v = sums[i];
    if (bias) v += bias[i];
    if (addend) v += addend[i];
    y[i] = options.relu && v < 0.f ? 0.f : v;
  }
}

/** Products that the taps' sum is of. */
inline Index length(const std::vector<Tap>& taps) {
  Index sum = 0;
  for (const Tap& tap : taps) sum += tap.k;
  return sum;
}

/** Rows of a product: where each one's input begins, where its output does, and what is added to it (or null). */
struct Row {
  const float* x;
  float* y;
  const float* addend;
};

/** So many products are summed up for themselves: long sums round less in stretches. */
constexpr Index kStretch = 128;

/** y[r][c] = sum over taps and i < k of x[r][offset + i] matrix[i][c], for `columns` columns that fill V vectors. */
template <int R, int V>
void tile(const Row* rows, const Tap* taps, Index tapCount, Layout layout, Index first, Index columns,
          const Finish& options) {
  // Outputs are on their way to the cache while the sums are made.
  for (int r = 0; r < R; r++)
    for (Index c = 0; c < V * kLanes; c += kLine) __builtin_prefetch(rows[r].y + first + c, 1);
  Vector total[R][V] = {}, sum[R][V] = {};
  Index summed = 0;
  for (Index t = 0; t < tapCount; t++) {
    const float* x[R];
    for (int r = 0; r < R; r++) x[r] = rows[r].x + taps[t].offset;
    const Index k = taps[t].k;
    for (Index begin = 0; begin < k; begin += kStretch) {
      const Index end = std::min(k, begin + kStretch);
      const float* matrix = taps[t].matrix + layout.at(begin, first);
      for (Index i = begin; i < end; i++, matrix += layout.row) {
        Vector w[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) w[v] = *reinterpret_cast<const Vector*>(matrix + v * kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
          const float value = x[r][i];
#pragma GCC unroll 4
          for (int v = 0; v < V; v++) sum[r][v] = multiplyAdd(Vector{} + value, w[v], sum[r][v]);
        }
      }
      summed += end - begin;
      if (summed < kStretch && (t < tapCount - 1 || end < k)) continue;
      summed = 0;
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
          total[r][v] += sum[r][v];
          sum[r][v] = Vector{};
        }
      }
    }
  }
  const float* bias = options.bias ? options.bias + first : nullptr;
  for (int r = 0; r < R; r++) {
    const float* addend = rows[r].addend ? rows[r].addend + first : nullptr;
    if (columns < V * kLanes) {
      finish(options, reinterpret_cast<const float*>(total[r]), bias, addend, rows[r].y + first, columns);
      continue;
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      Vector sum = total[r][v];
      if (bias) sum += *reinterpret_cast<const Vector*>(bias + v * kLanes);
      if (addend) sum += *reinterpret_cast<const Vector*>(addend + v * kLanes);
      *reinterpret_cast<Vector*>(rows[r].y + first + v * kLanes) = options.relu ? (sum < 0.f ? Vector{} : sum) : sum;
    }
  }
}

/** A tile of `count` rows, at most R. */
template <int V, int R>
void tileOf(Index count, const Row* rows, const Tap* taps, Index tapCount, Layout layout, Index first, Index columns,
            const Finish& options) {
  if constexpr (R > 1) {
    if (count < R) return tileOf<V, R - 1>(count, rows, taps, tapCount, layout, first, columns, options);
  }
  tile<R, V>(rows, taps, tapCount, layout, first, columns, options);
}

/** Rows [from, to) of the columns that fill V vectors from `first` on. */
template <int V>
void tiles(const Row* rows, Index from, Index to, const Tap* taps, Index tapCount, Layout layout, Index first,
           Index columns, const Finish& options) {
  for (Index r = from; r < to; r += kRows)
    tileOf<V, kRows>(std::min<Index>(kRows, to - r), rows + r, taps, tapCount, layout, first, columns, options);
}

/** Columns that `product` can take: matrices of others are widened by zeros first. */
inline Index wideEnough(Index columns) { return (columns + kLanes - 1) / kLanes * kLanes; }

/**
 * Rows [from, to) of y = sum over taps of x matrix; each matrix is [k, columns], with values, whatever they are, up to a multiple
 * of kLanes columns.
 */
inline void product(const Row* rows, Index from, Index to, const Tap* taps, Index tapCount, Layout layout,
                    Index columns, const Finish& options) {
  for (; from < to; from += kRowsInCache) {
    const Index end = std::min(to, from + kRowsInCache);
    for (Index first = 0; first < columns;) {
      const Index left = (columns - first + kLanes - 1) / kLanes;
      const int vectors = left >= kWide ? kWide : static_cast<int>(left >= 2 ? 2 : 1);
      const Index wanted = std::min<Index>(vectors * kLanes, columns - first);
      if (vectors == kWide) tiles<kWide>(rows, from, end, taps, tapCount, layout, first, wanted, options);
      else if (vectors == 2) tiles<2>(rows, from, end, taps, tapCount, layout, first, wanted, options);
      else tiles<1>(rows, from, end, taps, tapCount, layout, first, wanted, options);
      first += vectors * kLanes;
    }
  }
}

// ---- The same with the matrices transposed: a column of a matrix is contiguous ----

/** Loaded once: a compiler would rather load anew for every multiplication, and loads are what bounds these. */
inline Vector load(const float* from) {
  Vector v = *reinterpret_cast<const Vector*>(from);
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

/** Lane l of the result is lane Lane[l] of a followed by b. */
template <int... Lane>
inline Vector shuffled(Vector a, Vector b) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(a, b, Lane...);
#else
  typedef int32_t Lanes __attribute__((vector_size(4 * kLanes)));
  return __builtin_shuffle(a, b, Lanes{Lane...});
#endif
}

template <int Half, int... Lane>
inline Vector halves(Vector a, Vector b, std::integer_sequence<int, Lane...>) {
  // In every segment of 2 * Half lanes the sums of a's two halves come first, then those of b's.
  const Vector low = shuffled<(Lane % (2 * Half) < Half ? Lane : Lane - Half + kLanes)...>(a, b);
  const Vector high = shuffled<(Lane % (2 * Half) < Half ? Lane + Half : Lane + kLanes)...>(a, b);
  return low + high;
}

/** Lane l of the result is the sum of all lanes of v[l]. */
template <int Half>
inline Vector sums(Vector* v) {
  for (int i = 0; i < Half; i++)
    v[i] = halves<Half>(v[i], v[i + Half], std::make_integer_sequence<int, kLanes>{});
  if constexpr (Half > 1) return sums<Half / 2>(v);
  return v[0];
}

constexpr int kSums = kSumRows * kColumns;
static_assert(kSums % kLanes == 0, "sums fill vectors");

/** y[r][c] = sum over taps and i < k of x[r][offset + i] matrix[c][i]; rows beyond `count` and columns repeat the first. */
inline void sumTile(const Row* rows, Index count, const Tap* taps, Index tapCount, Index k, Index stride,
                    Index first, Index columns) {
  Vector sum[kSums] = {};
  const Index whole = k / kLanes * kLanes;
  for (Index t = 0; t < tapCount; t++) {
    const float *x[kSumRows], *w[kColumns];
    for (int r = 0; r < kSumRows; r++) x[r] = rows[r < count ? r : 0].x + taps[t].offset;
    for (int c = 0; c < kColumns; c++) w[c] = taps[t].matrix + (first + (c < columns ? c : 0)) * stride;
    for (Index i = 0; i < whole; i += kLanes) {
      Vector a[kSumRows];
#pragma GCC unroll 4
      for (int r = 0; r < kSumRows; r++) a[r] = load(x[r] + i);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; c++) {
        const Vector b = load(w[c] + i);
#pragma GCC unroll 4
        for (int r = 0; r < kSumRows; r++) sum[r * kColumns + c] = multiplyAdd(a[r], b, sum[r * kColumns + c]);
      }
    }
  }
  Vector parts[kSums];  // a copy, so that the sums themselves need no address and stay in registers
#pragma GCC unroll 16
  for (int s = 0; s < kSums; s++) parts[s] = sum[s];
  float flat[kSums];
  for (int s = 0; s < kSums; s += kLanes) *reinterpret_cast<Vector*>(flat + s) = sums<kLanes / 2>(parts + s);
  if (whole < k)
    for (Index t = 0; t < tapCount; t++)
      for (int r = 0; r < count; r++)
        for (int c = 0; c < columns; c++)
          for (Index i = whole; i < k; i++)
            flat[r * kColumns + c] += rows[r].x[taps[t].offset + i] * taps[t].matrix[(first + c) * stride + i];
  for (int r = 0; r < count; r++) {
    if (columns == kColumns) std::memcpy(rows[r].y + first, flat + r * kColumns, sizeof(float) * kColumns);
    else std::copy_n(flat + r * kColumns, columns, rows[r].y + first);
  }
}

/** As `product`, of matrices [columns, k] whose rows begin `stride` values apart. */
inline void transposedProduct(const Row* rows, Index from, Index to, const Tap* taps, Index tapCount, Index k,
                              Index stride, Index columns, const Finish& options) {
  for (Index first = 0; first < columns; first += kColumns)
    for (Index r = from; r < to; r += kSumRows)
      sumTile(rows + r, std::min<Index>(kSumRows, to - r), taps, tapCount, k, stride, first,
              std::min<Index>(kColumns, columns - first));
  for (Index r = from; r < to; r++) finish(options, rows[r].y, options.bias, rows[r].addend, rows[r].y, columns);
}

}  // namespace products
