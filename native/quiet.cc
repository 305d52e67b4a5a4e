// A Node addon for lines that a C library prints while it is loaded, which nothing else keeps from the user: TensorFlow says
// them before it reads its own log level. Loaded, the addon turns standard error away; loaded once more, it turns it back.
#include <fcntl.h>
#include <unistd.h>

namespace {

/** Standard error as it was, while it is turned away. */
int kept = -1;

void toggle() {
  if (kept >= 0) {
    dup2(kept, STDERR_FILENO);
    close(kept);
    kept = -1;
    return;
  }
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (kept >= 0) dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}

}  // namespace

/** What Node calls whenever it loads the file as an addon; it has nothing to export. */
extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) {
  toggle();
  return exports;
}
