// The names that a pickle may hold (each the module and name of a Python class or function), and what to say
// about others.
//
// Not a way to allow more at run time: the list is all there is. Thread rule: pure functions.
//
//   const PickleGlobal* known = find_pickle_global("torch", "FloatStorage");   // null: refuse it
#pragma once

#include <cstdint>
#include <string_view>

namespace af2 {

enum class PickleRole : std::uint8_t {
  kNone,
  kOrderedDict,
  kNamespace,       // argparse.Namespace
  kSet,             // set, frozenset: read as lists
  kBytes,           // bytes, bytearray
  kEncode,          // _codecs.encode: how protocol 2 writes bytes
  kTorchSize,       // a tuple
  kNumpyType,       // numpy.dtype
  kNumpyScalar,     // read as a number
  kTensor,          // _rebuild_tensor_v2: the type is that of the storage
  kTypedTensor,     // _rebuild_tensor_v3: the type is an argument
  kParameter,       // _rebuild_parameter
  kParameterState,  // _rebuild_parameter_with_state
  kStorageType,     // torch.FloatStorage …, also of types that have no DType
  kElementType,     // torch.float32 …, also of types that have no DType
};

struct PickleGlobal {
  std::string_view module, name;
  PickleRole role = PickleRole::kNone;
};

// Null for a name that is not allowed.
const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name);

// What such a name is and what to do, for the common ones that are refused.
struct RefusedGlobal {
  std::string_view what = "is not plain data";
  std::string_view hint =
      "if you trust its source, load it with Python and re-save tensors, numbers and text alone";
};
RefusedGlobal refused_pickle_global(std::string_view module, std::string_view name);

}  // namespace af2
