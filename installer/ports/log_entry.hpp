#pragma once

#include <map>
#include <string>

namespace overdrive {

/// An entry for the host's journal.
struct LogEntry {
    int priority = 6;                           ///< syslog(3): 3 error, 4 warning, 5 notice, 6 info
    std::string message;                        ///< MESSAGE=
    std::string message_id;                     ///< MESSAGE_ID=: 32 hexadecimal digits, one for each kind of entry
    std::map<std::string, std::string> fields;  ///< OVERDRIVE_DRIVER= ...; upper case
};

}  // namespace overdrive
