#include "af2/io/pickle_globals.h"

namespace af2 {
namespace {

using Role = PickleRole;

constexpr PickleGlobal kGlobals[] = {
    {"collections", "OrderedDict", Role::kOrderedDict},
    {"argparse", "Namespace", Role::kNamespace},
    {"__builtin__", "set", Role::kSet},  // Python 2's name, which protocol 2 keeps
    {"builtins", "set", Role::kSet},
    {"__builtin__", "frozenset", Role::kSet},
    {"builtins", "frozenset", Role::kSet},
    {"__builtin__", "bytes", Role::kBytes},
    {"builtins", "bytes", Role::kBytes},
    {"__builtin__", "bytearray", Role::kBytes},
    {"builtins", "bytearray", Role::kBytes},
    {"_codecs", "encode", Role::kEncode},
    {"torch", "Size", Role::kTorchSize},
    {"numpy", "dtype", Role::kNumpyType},
    {"numpy.core.multiarray", "scalar", Role::kNumpyScalar},
    {"numpy._core.multiarray", "scalar", Role::kNumpyScalar},
    {"torch._utils", "_rebuild_tensor_v2", Role::kTensor},
    {"torch._utils", "_rebuild_tensor_v3", Role::kTypedTensor},
    {"torch._utils", "_rebuild_parameter", Role::kParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Role::kParameterState},
    {"torch", "FloatStorage", Role::kStorageType},
    {"torch", "DoubleStorage", Role::kStorageType},
    {"torch", "HalfStorage", Role::kStorageType},
    {"torch", "BFloat16Storage", Role::kStorageType},
    {"torch", "LongStorage", Role::kStorageType},
    {"torch", "IntStorage", Role::kStorageType},
    {"torch", "ShortStorage", Role::kStorageType},
    {"torch", "CharStorage", Role::kStorageType},
    {"torch", "ByteStorage", Role::kStorageType},
    {"torch", "BoolStorage", Role::kStorageType},
    {"torch", "ComplexFloatStorage", Role::kStorageType},
    {"torch", "ComplexDoubleStorage", Role::kStorageType},
    {"torch.storage", "UntypedStorage", Role::kStorageType},
    {"torch.storage", "TypedStorage", Role::kStorageType},
    {"torch", "float64", Role::kElementType},
    {"torch", "float32", Role::kElementType},
    {"torch", "float16", Role::kElementType},
    {"torch", "bfloat16", Role::kElementType},
    {"torch", "float8_e4m3fn", Role::kElementType},
    {"torch", "float8_e5m2", Role::kElementType},
    {"torch", "float8_e4m3fnuz", Role::kElementType},
    {"torch", "float8_e5m2fnuz", Role::kElementType},
    {"torch", "float8_e8m0fnu", Role::kElementType},
    {"torch", "int64", Role::kElementType},
    {"torch", "int32", Role::kElementType},
    {"torch", "int16", Role::kElementType},
    {"torch", "int8", Role::kElementType},
    {"torch", "uint64", Role::kElementType},
    {"torch", "uint32", Role::kElementType},
    {"torch", "uint16", Role::kElementType},
    {"torch", "uint8", Role::kElementType},
    {"torch", "bool", Role::kElementType},
    {"torch", "complex32", Role::kElementType},
    {"torch", "complex64", Role::kElementType},
    {"torch", "complex128", Role::kElementType},
};

}  // namespace

const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name) {
  for (const PickleGlobal& global : kGlobals)
    if (global.module == module && global.name == name) return &global;
  return nullptr;
}

RefusedGlobal refused_pickle_global(std::string_view module, std::string_view name) {
  if (module == "torch._utils" && name.starts_with("_rebuild_sparse"))
    return {"is a sparse tensor", "save its dense form: tensor.to_dense()"};
  if (module == "torch._utils" && name == "_rebuild_qtensor")
    return {"is a quantised tensor", "save its values: tensor.dequantize()"};
  if (module == "torch._utils" && name == "_rebuild_nested_tensor")
    return {"is a nested tensor", "save its tensors one by one"};
  if (module == "torch._tensor" && name.starts_with("_rebuild_from_type"))
    return {"is a tensor with attributes or of a class of its own", "save tensor.detach() instead"};
  if (module == "torch.storage" && name == "_load_from_bytes")
    return {"is a storage pickled inside the pickle", "save with torch.save, not with the pickle module"};
  if (name == "_reconstruct" && (module == "numpy.core.multiarray" || module == "numpy._core.multiarray"))
    return {"is a numpy array", "save it as a tensor: torch.from_numpy(array)"};
  if (module.starts_with("torch.nn.modules"))
    return {"is a whole module, with its code", "save its weights alone: model.state_dict()"};
  return {};
}

}  // namespace af2
