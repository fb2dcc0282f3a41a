// What the names of a pickle give when it calls them: values, never code.
#include "af2/core/text_util.h"
#include "af2/io/pickle_detail.h"

namespace af2::pickle_detail {

using Kind = PickleKind;
using Role = PickleRole;

// The key that a dictionary's value follows, where there is one.
std::string Machine::neighbour() const {
  if (stack_.empty() || values_[stack_.back()].kind != Kind::kText) return "";
  return " (after \"" + printable(values_[stack_.back()].text) + "\")";
}

PickleId Machine::make_global(std::string_view module, std::string_view name) {
  const PickleGlobal* known = find_pickle_global(module, name);
  if (!known) {
    const RefusedGlobal refused = refused_pickle_global(module, name);
    fail("holds " + printable(module) + "." + printable(name) + neighbour() + ", which " +
             std::string(refused.what) + " and is refused",
         refused.hint);
  }
  const PickleId id = make_text(Kind::kGlobal, known->name);
  values_[id].role = known->role;
  return id;
}

PickleId Machine::call(PickleId target, PickleId argument_id) {
  const PickleValue& function = values_[target];
  const PickleValue& arguments = values_[argument_id];
  if (function.kind != Kind::kGlobal) fail("calls something that is not a name, which is refused");
  if (arguments.kind != Kind::kTuple) fail("a call without a tuple of arguments");
  const auto& given = arguments.items;
  const auto kind_of = [&](std::size_t i) { return i < given.size() ? values_[given[i]].kind : Kind::kNone; };
  switch (function.role) {
    case Role::kOrderedDict:
      if (given.empty()) {
        const PickleId id = make(Kind::kDict);
        values_[id].ordered = true;
        return id;
      }
      break;
    case Role::kNamespace:
      if (given.empty()) return make(Kind::kObject);
      break;
    case Role::kSet:
      if (given.empty()) return make(Kind::kList);
      if (given.size() == 1 && (kind_of(0) == Kind::kList || kind_of(0) == Kind::kTuple)) return given[0];
      break;
    case Role::kTorchSize:
      if (given.size() == 1 && kind_of(0) == Kind::kTuple) return given[0];
      break;
    case Role::kBytes:
      if (given.empty()) return make(Kind::kBytes);
      if (given.size() == 1 && kind_of(0) == Kind::kBytes) return given[0];
      [[fallthrough]];  // bytearray(text, "latin-1")
    case Role::kEncode:
      if (given.size() == 2 && kind_of(0) == Kind::kText && kind_of(1) == Kind::kText &&
          (values_[given[1]].text == "latin1" || values_[given[1]].text == "latin-1")) {
        const PickleId id = make_text(Kind::kBytes, values_[given[0]].text);
        values_[id].latin1 = true;
        return id;
      }
      break;
    case Role::kNumpyType:
      if (!given.empty() && kind_of(0) == Kind::kText)
        return make_text(Kind::kNumpyType, values_[given[0]].text);
      break;
    case Role::kNumpyScalar:
      if (given.size() == 2 && kind_of(0) == Kind::kNumpyType && kind_of(1) == Kind::kBytes)
        return numpy_scalar(values_[given[0]].text, values_[given[1]]);
      break;
    case Role::kTensor:
    case Role::kTypedTensor:
    case Role::kParameter:
    case Role::kParameterState: {
      const Role role = function.role;
      const PickleId id = make_items(Kind::kCall, {argument_id});
      values_[id].role = role;
      return id;
    }
    default:
      fail("calls " + std::string(function.text) + ", which is refused");
  }
  fail("calls " + std::string(function.text) + " with arguments that are refused");
}

PickleId Machine::numpy_scalar(std::string_view type, const PickleValue& bytes) {
  const auto number = decode_numpy(type, bytes);
  if (!number)
    fail("a numpy value of type " + printable(type) + neighbour() + ", which is no number of 64 bits");
  const PickleId id = make(number->kind);
  values_[id] = *number;
  return id;
}

// State of an object: that of an OrderedDict (a state dict's _metadata) is not needed.
void Machine::build() {
  const PickleId state_id = pop();
  const PickleValue& state = values_[state_id];
  PickleValue& target = values_[top()];
  if (target.kind == Kind::kDict && target.ordered) return;
  if (target.kind == Kind::kObject && target.items.empty() && state.kind == Kind::kDict) {
    target.items.push_back(state_id);
    return;
  }
  if (target.kind == Kind::kNumpyType && state.kind == Kind::kTuple && state.items.size() >= 2 &&
      values_[state.items[1]].kind == Kind::kText) {
    const std::string_view order = values_[state.items[1]].text;
    if (order == "<" || order == "|" || order == "=") return;
    fail("a numpy type of byte order \"" + printable(order) + "\", which is not supported");
  }
  fail("state for something that takes none, which is refused");
}

void Machine::new_object() {
  const PickleId arguments = pop(), type = pop();
  if (values_[type].kind != Kind::kGlobal || values_[type].role != Role::kNamespace)
    fail("makes an object of something else than argparse.Namespace, which is refused");
  push(call(type, arguments));
}

}  // namespace af2::pickle_detail
