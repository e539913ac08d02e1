/* Holds a pod's namespaces open, and reaps what the pod's containers leave behind when they share its process namespace. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number) {
    (void)number;
    _exit(EXIT_SUCCESS);
}

static void reap(int number) {
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void) {
    if (signal(SIGINT, end) == SIG_ERR || signal(SIGTERM, end) == SIG_ERR || signal(SIGCHLD, reap) == SIG_ERR) {
        return EXIT_FAILURE;
    }
    for (;;) {
        pause();
    }
}
