// Which ADIOS2 has loaded the plugin: its operator interface changed in 2.12 and nothing in a call tells the two apart.
#ifndef ADIOS2_INR_HOST_H
#define ADIOS2_INR_HOST_H

#include <string>

namespace inr
{

enum class Interface
{
    Unknown, // not served
    V1Old,   // ADIOS2 2.9 and 2.10: plugins derive from core::Operator, and nobody tells them dataset and variable
    V1,      // ADIOS2 2.11: they are told
    V2       // ADIOS2 >= 2.12: plugins derive from a class of their own
};

// What std::string is in the host.
enum class Strings
{
    Unknown, // parameters cannot be read
    Old,     // GNU's of before C++11: a pointer to the text
    Modern   // GNU's since C++11
};

struct Host
{
    Interface interface = Interface::Unknown;
    Strings strings = Strings::Unknown;
    std::string reason; // a full sentence when one of them is unknown
};

// Examines the library or program that called into this one (directly or through other functions of this library).
Host DetectHost();

} // end namespace inr

#endif
