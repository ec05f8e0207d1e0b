// eˣ, and products of small matrices, in vectors as wide as the processor has them.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace guided {

#if defined(__AVX512F__)
constexpr int64_t width = 16;
constexpr int widest = 4;  // vectors of one row in registers
#else
constexpr int64_t width = 8;
constexpr int widest = 2;
#endif
typedef float Vector __attribute__((vector_size(4 * width), aligned(4), may_alias));

constexpr int64_t padded(int64_t count) { return (count + width - 1) / width * width; }

// eˣ for x from −87 to 88 to within 2 units in the last place, in a form that compilers vectorise.
inline float exponential(float x) {
  x = std::min(std::max(x, -87.0f), 88.0f);
  const float n = std::nearbyint(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

inline float sigmoid(float u) { return 1.0f / (1.0f + exponential(-u)); }

// A matrix as a product reads its left factor: element (i, k) lies at values[i · rows + k · columns].
struct Strided {
  const float* values;
  int64_t rows, columns;
};

// c (+)= a b for Rows rows and Vectors vectors of columns, held in registers over all k.
template <int Rows, int Vectors>
void multiplyBlock(Strided a, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t depth, bool add) {
  Vector sums[Rows][Vectors];
  for (int i = 0; i < Rows; i++)
    for (int j = 0; j < Vectors; j++)
      sums[i][j] = add ? *reinterpret_cast<const Vector*>(c + i * ldc + j * width) : Vector{};
  for (int64_t k = 0; k < depth; k++) {
    Vector right[Vectors];
    for (int j = 0; j < Vectors; j++) right[j] = *reinterpret_cast<const Vector*>(b + k * ldb + j * width);
    for (int i = 0; i < Rows; i++) {
      const float left = a.values[i * a.rows + k * a.columns];
      for (int j = 0; j < Vectors; j++) sums[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < Rows; i++)
    for (int j = 0; j < Vectors; j++) *reinterpret_cast<Vector*>(c + i * ldc + j * width) = sums[i][j];
}

template <int Rows, int Vectors>
void multiplyRows(Strided a, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows, int64_t depth, bool add) {
  for (; rows >= Rows; rows -= Rows, a.values += Rows * a.rows, c += Rows * ldc)
    multiplyBlock<Rows, Vectors>(a, b, ldb, c, ldc, depth, add);
  if constexpr (Rows > 1) {
    if (rows > 0) multiplyRows<Rows / 2, Vectors>(a, b, ldb, c, ldc, rows, depth, add);
  }
}

// c [rows, columns] (+)= a [rows, depth] · b [depth, columns]; columns is a multiple of the vector's width.
inline void multiply(Strided a, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t rows, int64_t columns,
                     int64_t depth, bool add) {
  while (columns > 0) {
    const int64_t vectors = std::min<int64_t>(columns / width, widest);
    switch (vectors) {
      case 4: multiplyRows<6, 4>(a, b, ldb, c, ldc, rows, depth, add); break;
      case 3: multiplyRows<8, 3>(a, b, ldb, c, ldc, rows, depth, add); break;
      case 2: multiplyRows<widest == 4 ? 12 : 6, 2>(a, b, ldb, c, ldc, rows, depth, add); break;
      default: multiplyRows<12, 1>(a, b, ldb, c, ldc, rows, depth, add); break;
    }
    b += vectors * width;
    c += vectors * width;
    columns -= vectors * width;
  }
}

// Floats on lines of the cache, given out one range after the other.
class Arena {
 public:
  explicit Arena(int64_t floats)
      : start_(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(lines(floats)) * 64))), next_(start_) {}
  ~Arena() { std::free(start_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  float* take(int64_t floats) {
    float* range = next_;
    next_ += lines(floats) * 16;
    return range;
  }

 private:
  static int64_t lines(int64_t floats) { return (floats + 15) / 16; }
  float* start_;
  float* next_;
};

}  // namespace guided
