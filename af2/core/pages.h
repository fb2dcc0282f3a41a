// Aligned memory, and pages of mapped files that are no longer needed.
//
// Thread rule: pure functions; release_mapped may run beside readers of the same pages, which then read them
// again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace af2 {

struct FreeBytes {
  void operator()(std::byte* bytes) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], FreeBytes>;

// `size` bytes, not initialised, at an address that is a multiple of 64. Throws std::bad_alloc.
AlignedBytes aligned_bytes(std::size_t size);

// Lets the kernel take the whole pages of `bytes` out of memory where they lie in a file mapped by MappedFile
// (core/file.h); they are read again if touched. Leaves all other memory alone.
void release_mapped(std::span<const std::byte> bytes);

// Buffers of up to hundreds of megabytes are taken from memory that was freed before instead of fresh pages,
// whose first touch costs more than what is computed in them. For the start of a program; other allocators
// than glibc's are left as they are.
void keep_freed_memory();

}  // namespace af2
