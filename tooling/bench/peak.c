// Peak of single-precision arithmetic: chains of fused multiply-adds in registers, one thread a core.
//   cc -O3 -march=native -pthread peak.c -o peak && ./peak THREADS
// prints GFLOP/s, the best of several rounds.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
typedef float vector __attribute__((vector_size(WIDTH * sizeof(float))));

enum { chains = 12, rounds = 7 };
static const long turns = 40 * 1000 * 1000;

static void *work(void *result) {
  vector sums[chains], a, b;
  for (int lane = 0; lane < WIDTH; lane++) a[lane] = 0.999f, b[lane] = 0.001f;
  for (int i = 0; i < chains; i++) sums[i] = a * (float)i;
  for (long turn = 0; turn < turns; turn++) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; i++) sums[i] = sums[i] * a + b;
  }
  float total = 0;
  for (int i = 0; i < chains; i++) total += sums[i][0];
  *(float *)result = total;
  return NULL;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 1;
  if (threads < 1 || threads > 256) return 2;
  double best = 0;
  float results[256];
  pthread_t workers[256];
  for (int round = 0; round < rounds; round++) {
    double began = seconds();
    for (int i = 0; i < threads; i++)
      if (pthread_create(&workers[i], NULL, work, &results[i])) return 3;
    for (int i = 0; i < threads; i++) pthread_join(workers[i], NULL);
    double rate = 2.0 * WIDTH * chains * turns * threads / (seconds() - began) / 1e9;
    if (rate > best) best = rate;
  }
  printf("%.1f\n", best);
  return 0;
}
