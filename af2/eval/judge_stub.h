// A judge that needs no model: an OpenAI-compatible chat endpoint on 127.0.0.1 whose marks come from the
// words that an answer shares with the reference (docs/spec/evaluation.md section 5).
//
// mark = 1 + round(9 x F1 of the words), put on the rubric's scale: what tests expect can be computed by
// hand.
// Reference and response are found by the rubric's fences, the rubric by its system text, so that only
// prompts of this program are answered (400 for any other). Of a pair, each answer is held against the
// description (<context>). Modes: overlap; always=N (N on the rubric's scale); seat1 (the first seat gets the
// highest mark, the second the lowest); badjson (a form that is none); refuse (words instead of marks); 429
// (each request is refused once, Retry-After: 2); slow (answers after delay_s). Never a judge of anything
// real. Thread rule: any thread.
//
//   JudgeStub stub({.mode = "always=7"});
//   options.url = stub.url();
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "af2/core/json.h"
#include "af2/eval/rubric.h"
#include "af2/net/http_server.h"

namespace af2 {

struct JudgeStubOptions {
  int port = 0;  // 0: any free one
  std::string mode = "overlap";
  double delay_s = 2;  // of slow
  std::string rubrics = {};

  template <class V>
  void visit(V& v) {
    v.field("port", port, "of 127.0.0.1; 0: any free one");
    v.field("mode", mode, "overlap, always=N, seat1, badjson, refuse, 429 or slow");
    v.field("delay", delay_s, "seconds before an answer, with mode slow");
    v.field("rubrics", rubrics, "folder of rubrics that replace those of the program");
  }
};

class JudgeStub {
 public:
  // Answers at once. Throws kUser for an unknown mode, kResource as HttpServer.
  explicit JudgeStub(JudgeStubOptions options = {});
  ~JudgeStub();

  std::string url() const { return server_.url() + "/v1"; }
  int port() const { return server_.port(); }
  int requests() const;  // that came, refused ones too
  void stop();

 private:
  HttpServerReply answer(const HttpRequest& request);

  JudgeStubOptions options_;
  std::vector<Rubric> rubrics_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  int requests_ = 0;
  std::set<std::string> refused_once_;
  HttpServer server_;
};

// The text that the stub answers with to a rubric's user message, in one of its modes.
std::string judge_stub_reply(const Rubric& rubric, const std::string& prompt, const std::string& mode);

}  // namespace af2
