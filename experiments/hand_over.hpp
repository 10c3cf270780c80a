// The way from `lml` to `lml-torch`: networks run in a program of its own, so that `lml` never loads LibTorch.
#pragma once
#include "experiments/command.hpp"
#include "experiments/document.hpp"

namespace lml {

/// Goes on as `lml-torch` with the same arguments; a document that came from standard input is there again.
/// LML_LAUNCHER (set by ./lml) names the launcher, which installs and builds what is missing; without it the program
/// must stand where the build put it. Throws NotHere.
[[noreturn]] void hand_over(const Common& common, const Document* document = nullptr);

/// What `lml-torch COMMAND - --json` answers to a spec, for the checks of claims; `more` are further arguments. Throws
/// NotHere where LibTorch or what the spec names is not here, std::runtime_error where it fails.
std::string ask_networks(const std::string& command, const std::string& spec,
                         const std::vector<std::string>& more = {});

}  // namespace lml
