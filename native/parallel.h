// Work over several cores, where the program has them.
#pragma once

#include <algorithm>

#include "shape.h"

#if defined(_OPENMP)
#include <omp.h>
inline Index cores() { return omp_get_max_threads(); }
#else
inline Index cores() { return 1; }
#endif

/** Values that one core should have at least. */
constexpr Index kEnough = 1 << 15;
/** Floating-point operations that take about as long as one of the values that `parallel` counts by. */
constexpr Index kOperationsAValue = 32;

/** f(first, last) on parts of 0..count, one a core; an item is `values` values. */
template <typename F>
void parallel(Index count, Index values, F f) {
  const Index useful = std::max<Index>(1, count * values / kEnough);
  const int parts = static_cast<int>(std::min({useful, count, cores()}));
  if (parts <= 1) return f(Index{0}, count);
#pragma omp parallel for num_threads(parts) schedule(static)
  for (int part = 0; part < parts; part++) f(count * part / parts, count * (part + 1) / parts);
}
