// What kernels need and Swift cannot say: conversions of all lanes at once (the standard library's go lane by
// lane), sums of neighbouring products, the one instruction no pattern leads to (VPDPBUSD), and fetching ahead.
// One-line functions in portable extensions; each compiles for every processor.
#ifndef MARTLET_CVECTOR_H
#define MARTLET_CVECTOR_H

typedef unsigned char martlet_u8x4 __attribute__((__ext_vector_type__(4)));
typedef unsigned char martlet_u8x16 __attribute__((__ext_vector_type__(16)));
typedef signed char martlet_i8x64 __attribute__((__ext_vector_type__(64)));
typedef short martlet_i16x4 __attribute__((__ext_vector_type__(4)));
typedef short martlet_i16x16 __attribute__((__ext_vector_type__(16)));
typedef short martlet_i16x64 __attribute__((__ext_vector_type__(64)));
typedef int martlet_i32x16 __attribute__((__ext_vector_type__(16)));
typedef int martlet_i32x32 __attribute__((__ext_vector_type__(32)));
typedef int martlet_i32x64 __attribute__((__ext_vector_type__(64)));
typedef float martlet_f32x16 __attribute__((__ext_vector_type__(16)));

#define MARTLET_VECTOR static inline __attribute__((always_inline))

/// Begins to read a cache line that will be needed; harmless wherever the address points.
MARTLET_VECTOR void martlet_prefetch(const void *address) { __builtin_prefetch(address); }

/// Each lane as a number of the other type; to bytes, its lowest eight bits.
MARTLET_VECTOR martlet_f32x16 martlet_floats(martlet_i32x16 x) { return __builtin_convertvector(x, martlet_f32x16); }
MARTLET_VECTOR martlet_i32x16 martlet_widen(martlet_u8x16 x) { return __builtin_convertvector(x, martlet_i32x16); }
MARTLET_VECTOR martlet_u8x16 martlet_low_bytes(martlet_i32x16 x) { return __builtin_convertvector(x, martlet_u8x16); }

MARTLET_VECTOR martlet_i16x16 martlet_shorts(martlet_u8x16 x) { return __builtin_convertvector(x, martlet_i16x16); }
MARTLET_VECTOR martlet_i32x16 martlet_integers(martlet_i16x16 x) { return __builtin_convertvector(x, martlet_i32x16); }

/// Products in 32 bits.
MARTLET_VECTOR martlet_i32x16 martlet_products(martlet_i16x16 a, martlet_i16x16 b) {
    return __builtin_convertvector(a, martlet_i32x16) * __builtin_convertvector(b, martlet_i32x16);
}

/// Four bytes as 16-bit numbers, sixteen times over.
MARTLET_VECTOR martlet_i16x64 martlet_repeat(martlet_u8x4 x) {
    martlet_i16x4 w = __builtin_convertvector(x, martlet_i16x4);
    martlet_i16x16 r = __builtin_shufflevector(w, w, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    return __builtin_shufflevector(
        r, r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
        15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
        15);
}

/// a₀b₀ + a₁b₁, a₂b₂ + a₃b₃, …: PMADDWD.
MARTLET_VECTOR martlet_i32x32 martlet_pair_products(martlet_i16x64 a, martlet_i8x64 b) {
    martlet_i32x64 products = __builtin_convertvector(a, martlet_i32x64) * __builtin_convertvector(b, martlet_i32x64);
    return products.even + products.odd;
}

/// x₀ + x₁, x₂ + x₃, …
MARTLET_VECTOR martlet_i32x16 martlet_pair_sums(martlet_i32x32 x) { return x.even + x.odd; }

#if defined(__AVX512VNNI__)
/// Adds to each lane the products of its four bytes, those of `a` unsigned, those of `b` signed: VPDPBUSD.
MARTLET_VECTOR martlet_i32x16 martlet_dot_add(martlet_i32x16 sums, martlet_i32x16 a, martlet_i32x16 b) {
    typedef int vector __attribute__((__vector_size__(64)));
    return (martlet_i32x16)__builtin_ia32_vpdpbusd512((vector)sums, (vector)a, (vector)b);
}
#endif

#endif
