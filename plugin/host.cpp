#include "host.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <map>
#include <mutex>
#include <set>
#include <unwind.h>
#include <vector>

namespace inr
{
namespace
{

// What is looked for stands in the read-only data of every build, where symbols are hidden or stripped as well.

// Run-time type names of the factory of *engine* plugins: it changed together with the operator interface, and every ADIOS2 has it
// (PluginManager).
const char kEngineFactoryV2[] = "FPN6adios26plugin21PluginEngineInterfaceENS_2IOE";
const char kEngineFactoryV1[] = "FPN6adios26plugin21PluginEngineInterfaceERNS_4core2IOE";
// The factory of operator plugins, up to the kind of std::string.
const char kOperatorFactory[] = "FPN6adios26plugin23PluginOperatorInterfaceERKSt3mapINSt7__cxx1112basic_string";
const char kOperatorFactoryOld[] = "FPN6adios26plugin23PluginOperatorInterfaceERKSt3mapISsSs";
// The class of the host that stands for a plugin. Under interface v1 it has the virtual functions that are asked of the plugin itself,
// and 2.11 changed their number.
const char kPluginOperator[] = "N6adios26plugin14PluginOperatorE";
constexpr size_t kVirtualsV1Old = 23, kVirtualsV1 = 8;

struct Module
{
    const void *base = nullptr;
    std::string path;
};

Module ModuleOf(const void *address)
{
    Dl_info info{};
    if (address == nullptr || dladdr(address, &info) == 0)
    {
        return {};
    }
    return {info.dli_fbase, info.dli_fname != nullptr ? info.dli_fname : ""};
}

struct Walk
{
    const void *own;
    Module caller;
};

_Unwind_Reason_Code Visit(_Unwind_Context *context, void *data)
{
    auto *walk = static_cast<Walk *>(data);
    Module module = ModuleOf(reinterpret_cast<const void *>(_Unwind_GetIP(context)));
    if (module.base == nullptr || module.base == walk->own)
    {
        return _URC_NO_REASON;
    }
    walk->caller = module;
    return _URC_END_OF_STACK;
}

// The innermost frame outside this library: the return address alone would be one of our own forwarder.
Module Caller()
{
    Walk walk{ModuleOf(reinterpret_cast<const void *>(&Caller)).base, {}};
    _Unwind_Backtrace(Visit, &walk);
    return walk.caller;
}

// A part of a loaded module's memory.
struct Segment
{
    const char *start;
    size_t size;
    bool writable, executable;

    bool Holds(const void *address) const
    {
        const auto *p = static_cast<const char *>(address);
        return p >= start && p < start + size;
    }
};

struct Image
{
    const void *base;
    std::vector<Segment> segments;

    bool Has(const char *text) const
    {
        const size_t n = std::strlen(text);
        return std::any_of(segments.begin(), segments.end(), [&](const Segment &s) {
            return !s.writable && memmem(s.start, s.size, text, n) != nullptr;
        });
    }

    bool IsCode(const void *address) const
    {
        return std::any_of(segments.begin(), segments.end(),
                           [&](const Segment &s) { return s.executable && s.Holds(address); });
    }
};

int Collect(dl_phdr_info *info, size_t, void *data)
{
    auto *image = static_cast<Image *>(data);
    std::vector<Segment> segments;
    for (int i = 0; i < info->dlpi_phnum; ++i)
    {
        const ElfW(Phdr) &p = info->dlpi_phdr[i];
        if (p.p_type == PT_LOAD && (p.p_flags & PF_R) != 0)
        {
            segments.push_back({reinterpret_cast<const char *>(info->dlpi_addr + p.p_vaddr), p.p_filesz,
                                (p.p_flags & PF_W) != 0, (p.p_flags & PF_X) != 0});
        }
    }
    if (std::none_of(segments.begin(), segments.end(), [&](const Segment &s) { return s.Holds(image->base); }))
    {
        return 0;
    }
    image->segments = std::move(segments);
    return 1;
}

using Word = const void *;

// Calls f with every place of an image's data where a pointer to `address` stands.
template <class F>
void EachPointer(const Image &image, Word address, F f)
{
    for (const Segment &s : image.segments)
    {
        const size_t skew = -reinterpret_cast<uintptr_t>(s.start) % sizeof(Word);
        for (size_t at = skew; !s.executable && at + sizeof(Word) <= s.size; at += sizeof(Word))
        {
            const auto *place = reinterpret_cast<const Word *>(s.start + at);
            if (*place == address)
            {
                f(place, reinterpret_cast<const Word *>(s.start + s.size - s.size % sizeof(Word)));
            }
        }
    }
}

// Virtual functions of the class with this type name, by the layout of the Itanium C++ ABI: the type information points to the name
// with its second word, and in a virtual table an offset of 0, a pointer to the type information and the functions follow each other.
// 0 when there is no such table, or tables that differ.
size_t VirtualFunctions(const Image &image, const char *name)
{
    std::set<size_t> counts;
    auto count = [&](const Word *type, const Word *end) {
        size_t n = 0;
        for (const Word *entry = type + 1; entry < end && image.IsCode(*entry); ++entry)
        {
            ++n;
        }
        if (n > 0 && type[-1] == nullptr)
        {
            counts.insert(n);
        }
    };
    const size_t size = std::strlen(name) + 1;
    for (const Segment &s : image.segments)
    {
        const char *from = s.start, *const end = s.start + s.size;
        while (!s.writable && (from = static_cast<const char *>(memmem(from, end - from, name, size))) != nullptr)
        {
            EachPointer(image, from, [&](const Word *place, const Word *) { EachPointer(image, place - 1, count); });
            from += size;
        }
    }
    return counts.size() == 1 ? *counts.begin() : 0;
}

Host Examine(const Module &module)
{
    Image image{module.base, {}};
    dl_iterate_phdr(Collect, &image);
    const std::string who = "adios2_inr was loaded by " + (module.path.empty() ? "an unknown program" : module.path);
    const bool v1 = image.Has(kEngineFactoryV1), v2 = image.Has(kEngineFactoryV2);
    const size_t n = v1 ? VirtualFunctions(image, kPluginOperator) : 0;
    Host host;
    host.strings = image.Has(kOperatorFactory)      ? Strings::Modern
                   : image.Has(kOperatorFactoryOld) ? Strings::Old
                                                    : Strings::Unknown;
    if (v1 == v2 || (v1 && n != kVirtualsV1Old && n != kVirtualsV1))
    {
        host.reason = who + ", which is no ADIOS2 that it knows: use ADIOS2 2.9 or newer.";
        return host;
    }
    host.interface = v2 ? Interface::V2 : n == kVirtualsV1 ? Interface::V1 : Interface::V1Old;
    if (host.strings == Strings::Unknown || (v2 && host.strings == Strings::Old))
    {
        host.reason = who + ", an ADIOS2 built with another C++ library or the strings of before C++11: use one built with GNU's "
                            "C++ library and _GLIBCXX_USE_CXX11_ABI=1.";
    }
    // The base class of plugins holds the parameters since 2.12: without the same strings it cannot be made.
    if (v2 && !host.reason.empty())
    {
        host.interface = Interface::Unknown;
    }
    return host;
}

} // end anonymous namespace

Host DetectHost()
{
    // The search reads the whole library: once per host. Never freed, operators are made until the process ends.
    static auto *mutex = new std::mutex;
    static auto *known = new std::map<const void *, Host>;
    const Module caller = Caller();
    const std::lock_guard<std::mutex> lock(*mutex);
    auto place = known->find(caller.base);
    if (place == known->end())
    {
        place = known->emplace(caller.base, Examine(caller)).first;
    }
    return place->second;
}

} // end namespace inr
