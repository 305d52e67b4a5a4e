// Copies of matrices as vectors want them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

#include "call.h"
#include "parallel.h"
#include "products.h"

/** Matrices [k, columns] of which the first of `taps` begins at `values`: those given, or copies whose columns fill vectors. */
class Matrices {
 public:
  /** @param stride of their rows */
  Matrices(const float* given, Index taps, Index k, Index columns, Index stride)
      : Matrices(given, k, columns, k * stride, products::rowsOf(stride)) {
    if (columns % products::kLanes == 0) return;
    const Index width = products::wideEnough(columns);
    copy_.assign(taps * k * width, 0.f);
    for (Index r = 0; r < taps * k; r++) std::copy_n(given + r * stride, columns, &copy_[r * width]);
    values_ = copy_.data();
    tap_ = k * width;
    layout_ = products::rowsOf(width);
  }
  Matrices(const Matrices&) = delete;
  /** Those of a filter or weight, which `pack` may have laid out. */
  static Matrices ofWeight(const float* given, Index taps, Index k, Index columns) {
    if constexpr (kPacked) return ofPanels(given, taps, k, columns);
    return Matrices(given, taps, k, columns, columns);
  }
  /** Those that `pack` has laid out. */
  static Matrices ofPanels(const float* packed, Index taps, Index k, Index columns) {
    return Matrices(packed, k, columns, k * products::kPanel, {products::kPanel, taps * k * products::kPanel});
  }

  /** Tap `t`, whose rows begin at `offset`. */
  products::Tap tap(Index t, Index offset = 0) const { return {offset, values_ + t * tap_, k_}; }
  /** Makes taps fewer where they continue each other. */
  void join(std::vector<products::Tap>& taps) const { products::join(taps, layout_.row); }
  /** Rows [from, to) of the product over taps that begin at `tap`. */
  void multiply(const products::Row* rows, Index from, Index to, const products::Tap* taps, Index tapCount,
                const products::Finish& ending) const {
    products::product(rows, from, to, taps, tapCount, layout_, columns_, ending);
  }

 private:
  Matrices(const float* values, Index k, Index columns, Index tap, products::Layout layout)
      : values_(values), k_(k), columns_(columns), tap_(tap), layout_(layout) {}

  std::vector<float> copy_;
  const float* values_;
  Index k_, columns_, tap_;
  products::Layout layout_;
};

/** Values that begin where a cache line does, whatever they are at first. */
class Scratch {
 public:
  explicit Scratch(Index count) : memory_(::operator new(sizeof(float) * (count + 16))) {
    begin_ = static_cast<float*>(memory_) + (64 - reinterpret_cast<uintptr_t>(memory_) % 64) % 64 / sizeof(float);
  }
  ~Scratch() { ::operator delete(memory_); }
  Scratch(const Scratch&) = delete;
  float* data() { return begin_; }

 private:
  void* memory_;
  float* begin_;
};

/** A weight in panels, which is worth a copy where many rows are multiplied by it. */
class Panels {
 public:
  /** @param given [k, columns], or [columns, k] where transposed; or what `pack` has made of it */
  Panels(const float* given, Index k, Index columns, bool transposed)
      : copy_(kPacked ? 0 : panels(columns) * k * products::kPanel),
        matrix(Matrices::ofPanels(kPacked ? given : copy_.data(), 1, k, columns)) {
    if (kPacked) return;
    parallel(panels(columns), k * products::kPanel, [&](Index from, Index to) {
      const Index end = std::min(columns, to * products::kPanel);
      for (Index first = from * products::kPanel; first < end; first += products::kPanel)
        copyPanel(given, k, columns, transposed, first, copy_.data() + first * k);
    });
  }

 private:
  static Index panels(Index columns) { return (columns + products::kPanel - 1) / products::kPanel; }
  static void copyPanel(const float* given, Index k, Index columns, bool transposed, Index first, float* to) {
    const Index count = std::min(products::kPanel, columns - first);
    if (count < products::kPanel) std::fill_n(to, k * products::kPanel, 0.f);
    if (!transposed) {
      for (Index i = 0; i < k; i++) std::copy_n(given + i * columns + first, count, to + i * products::kPanel);
      return;
    }
    // In squares, so that lines of both are in the cache until they are done with.
    constexpr Index kSquare = 16;
    for (Index c = 0; c < count; c += kSquare)
      for (Index i = 0; i < k; i += kSquare)
        for (Index row = c; row < std::min(count, c + kSquare); row++)
          for (Index at = i; at < std::min(k, i + kSquare); at++)
            to[at * products::kPanel + row] = given[(first + row) * k + at];
  }

  Scratch copy_;

 public:
  const Matrices matrix;
};

/** Matrices [columns, k] by whose transposes rows are multiplied. */
class PlainTransposed {
 public:
  PlainTransposed(const float* given, Index, Index k, Index columns) : values_(given), k_(k), columns_(columns) {}

  products::Tap tap(Index t, Index offset = 0) const { return {offset, values_ + t * k_ * columns_, k_}; }
  void join(std::vector<products::Tap>&) const {}
  void multiply(const products::Row* rows, Index from, Index to, const products::Tap* taps, Index tapCount,
                const products::Finish& ending) const {
    products::transposedProduct(rows, from, to, taps, tapCount, k_, k_, columns_, ending);
  }

 private:
  const float* values_;
  Index k_, columns_;
};

/** Those of a filter or weight: as they are, or transposed when they were packed. */
inline auto transposedWeight(const float* given, Index taps, Index k, Index columns) {
  if constexpr (kPacked) return Matrices::ofWeight(given, taps, k, columns);
  else return PlainTransposed(given, taps, k, columns);
}

/** Values that begin where a cache line does: vectors that lie across two of them take twice as long to load. */
class Aligned {
 public:
  explicit Aligned(Index count) : memory_(count + 16) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    begin_ = memory_.data() + (64 - address % 64) % 64 / sizeof(float);
  }
  float* data() { return begin_; }

 private:
  std::vector<float> memory_;
  float* begin_;
};
