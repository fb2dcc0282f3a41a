#include "af2/eval/prediction.h"

#include <array>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"

namespace af2 {
namespace {

double rounded_6(double value) {
  return std::round(value * 1e6) / 1e6;
}

template <class T>
T prediction_value(const Json& json, const char* key, const std::string& where, const T& otherwise) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return otherwise;
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    throw data_error("has a wrong type: " + found->dump(), where + " key " + key);
  }
}

std::string needed_text(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key)) throw data_error("is missing", where + " key " + key);
  return prediction_value<std::string>(json, key, where, "");
}

// An id may be a number in files of others.
std::string id_text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump();
}

Prediction foreign_prediction(const Json& json, const std::string& where) {
  if (!json.is_object()) throw data_error("is no object", where);
  Prediction made;
  for (const char* key : {"id", "uniq_id", "question_id"})
    if (made.id.empty() && json.contains(key)) made.id = id_text(json[key]);
  if (made.id.empty())
    throw data_error("has no id", where, "give each line an id as the benchmark's items have it");
  for (const char* key :
       {"output", "model_output", "answer_prediction", "model_prediction", "pred", "response"})
    if (json.contains(key) && !json[key].is_null()) {
      made.reply.text = json[key].is_string() ? json[key].get<std::string>() : json[key].dump();
      return made;
    }
  made.reply.error = "no output in the file of predictions";
  return made;
}

void keep_once(std::map<std::string, Prediction>& all, Prediction prediction, const std::string& where) {
  const std::string id = prediction.id;
  if (!all.emplace(id, std::move(prediction)).second) throw data_error("id stands twice: " + id, where);
}

template <class Read>
std::map<std::string, Prediction> lines_of(const std::filesystem::path& file, const std::string& text,
                                           Read read) {
  std::map<std::string, Prediction> all;
  std::size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string where = line_of(file.string(), number);
    keep_once(all, read(parse_json(line, where), where), where);
  }
  return all;
}

}  // namespace

std::string prediction_line(const Prediction& prediction) {
  const Reply& reply = prediction.reply;
  Json audio = Json::array();
  for (std::size_t i = 0; i < prediction.audio.size(); ++i) {
    Json one = {{"path", prediction.audio[i]}};
    if (i < reply.heard.size()) {
      const HeardSound& heard = reply.heard[i];
      one["sha256"] = heard.sha256;
      one["seconds"] = rounded_6(heard.seconds);
      one["seconds_used"] = rounded_6(heard.seconds_used);
      one["seconds_cut"] = rounded_6(heard.seconds_cut);
      one["windows"] = heard.windows;
    }
    audio.push_back(std::move(one));
  }
  Json json = {
      {"id", prediction.id},         {"cluster", prediction.cluster}, {"prompt_name", prediction.prompt_name},
      {"prompt", prediction.prompt}, {"audio", std::move(audio)},     {"output", reply.text},
      {"tokens", reply.tokens},      {"finish", reply.finish}};
  json["logprob_mean"] = reply.logprob_mean ? Json(rounded_6(*reply.logprob_mean)) : Json();
  for (const double share : reply.shares) json["shares"].push_back(rounded_6(share));
  json["error"] = reply.error.empty() ? Json() : Json(reply.error);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Prediction prediction_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) throw data_error("is no object", where);
  Prediction made;
  made.id = needed_text(json, "id", where);
  made.cluster = prediction_value<std::string>(json, "cluster", where, "");
  made.prompt_name = prediction_value<std::string>(json, "prompt_name", where, "");
  made.prompt = prediction_value<std::string>(json, "prompt", where, "");
  made.reply.text = needed_text(json, "output", where);
  made.reply.tokens = prediction_value<int>(json, "tokens", where, 0);
  made.reply.finish = prediction_value<std::string>(json, "finish", where, "");
  made.reply.error = prediction_value<std::string>(json, "error", where, "");
  if (json.contains("logprob_mean") && json["logprob_mean"].is_number())
    made.reply.logprob_mean = json["logprob_mean"].get<double>();
  made.reply.shares = prediction_value<std::vector<double>>(json, "shares", where, {});
  for (const Json& one : prediction_value<std::vector<Json>>(json, "audio", where, {})) {
    made.audio.push_back(needed_text(one, "path", where));
    if (!one.contains("sha256")) continue;
    made.reply.heard.push_back({needed_text(one, "sha256", where),
                                prediction_value<double>(one, "seconds", where, 0),
                                prediction_value<double>(one, "seconds_used", where, 0),
                                prediction_value<double>(one, "seconds_cut", where, 0),
                                prediction_value<int>(one, "windows", where, 0)});
  }
  return made;
}

std::map<std::string, Prediction> read_predictions(const std::filesystem::path& file) {
  return lines_of(file, read_file(file), prediction_from_json);
}

std::map<std::string, Prediction> read_foreign_predictions(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  const std::string begin = trim(text).substr(0, 1);
  if (begin != "[") return lines_of(file, text, foreign_prediction);
  std::map<std::string, Prediction> all;
  const Json list = parse_json(text, file.string());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = file.string() + "[" + std::to_string(i) + "]";
    keep_once(all, foreign_prediction(list[i], where), where);
  }
  return all;
}

}  // namespace af2
