// Precompiled for the torch layers only: one translation unit with torch.h costs tens of seconds.
#pragma once
#include <torch/torch.h>
