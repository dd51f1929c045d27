/* Lets the User-Mode Linux kernel run on processors whose extended state is larger than its buffer (AMX tiles).
 *
 * UML keeps 2696 octets of each process's extended state, which is everything up to AVX-512 and PKRU. The host takes
 * back only the whole state and answers EFAULT to less. This wrapper of ptrace() completes UML's part with the
 * process's own rest.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

long ptrace(enum __ptrace_request request, ...)
{
    static long (*next)(enum __ptrace_request, ...);
    static _Alignas(64) uint8_t whole[64 * 1024];
    va_list arguments;

    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (!next)
        next = (long (*)(enum __ptrace_request, ...))dlsym(RTLD_NEXT, "ptrace");
    long result = next(request, pid, address, data);
    if (result == -1 && errno == EFAULT && request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE) {
        const struct iovec *part = data;
        struct iovec all = {whole, sizeof whole};
        if (next(PTRACE_GETREGSET, pid, address, &all) == -1)
            return -1;
        if (part->iov_len >= all.iov_len) {
            errno = EFAULT;
            return -1;
        }
        memcpy(whole, part->iov_base, part->iov_len);
        result = next(request, pid, address, &all);
    }
    return result;
}
