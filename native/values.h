// Functions of a value, written so that compilers make vector instructions of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

/** e^x, within 2e-7 of its value. */
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
