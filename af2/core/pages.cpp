#include "af2/core/pages.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <new>

namespace af2 {
namespace {

constexpr std::size_t kLine = 64;

}  // namespace

void FreeBytes::operator()(std::byte* bytes) const {
  std::free(bytes);
}

// Not in huge pages: where the page cache fills the memory, the kernel takes seconds to make room for them.
AlignedBytes aligned_bytes(std::size_t size) {
  const std::size_t whole = (std::max<std::size_t>(size, 1) + kLine - 1) / kLine * kLine;
  AlignedBytes bytes(static_cast<std::byte*>(std::aligned_alloc(kLine, whole)));
  if (!bytes) throw std::bad_alloc();
  return bytes;
}

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kLargest = 1 << 28, kKept = 1 << 30, kGrowth = 1 << 26;  // bytes
  mallopt(M_MMAP_THRESHOLD, kLargest);
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_TOP_PAD, kGrowth);
#endif
}

}  // namespace af2
