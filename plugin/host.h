// Which ADIOS2 has loaded the plugin: its operator interface changed in 2.12 and nothing in a call tells the two apart.
#ifndef ADIOS2_INR_HOST_H
#define ADIOS2_INR_HOST_H

#include <string>

namespace inr
{

enum class Interface
{
    Unknown, // not served; Host::reason says why
    V1,      // ADIOS2 2.11: plugins derive from core::Operator
    V2       // ADIOS2 >= 2.12: plugins derive from a class of their own
};

struct Host
{
    Interface interface = Interface::Unknown;
    std::string reason; // a full sentence when the interface is Unknown
};

// Examines the library or program that called into this one (directly or through other functions of this library).
Host DetectHost();

} // end namespace inr

#endif
