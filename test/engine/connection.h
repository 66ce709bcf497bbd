#ifndef STREAM_LLM_TEST_ENGINE_CONNECTION_H_
#define STREAM_LLM_TEST_ENGINE_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "src/io/descriptor.h"

namespace stream_llm {

// How long a test waits for what has to happen: only one that fails waits so long.
constexpr std::chrono::seconds kPatience{30};

// Both ends of a stream connection: the one that Node has accepted, and the client's. Neither
// blocks.
struct Connection {
  Descriptor server;
  Descriptor client;
};

// A pair of Unix sockets, or a TCP connection over the loopback interface.
Connection ConnectUnix();
Connection ConnectTcp();
// As ConnectUnix(), with room for a few kB only.
Connection ConnectNarrow();
// As ConnectNarrow(), with no room left. `*filler` bytes precede all that is sent from now on.
Connection ConnectFull(size_t* filler);
// Sends until there is no room left. Returns how many bytes.
size_t Fill(const Descriptor& socket);

// Closes the client's end of a TCP connection so that the server's is reset, not just ended.
void Reset(Connection* connection);

// Waits for `size` bytes. Fewer when the connection ends or nothing comes for kPatience.
std::string Receive(const Descriptor& client, size_t size);
// Waits for the connection's end, and returns all that came before. Fails the test when it does not
// end within kPatience.
std::string ReceiveAll(const Descriptor& client);
// What can be read without waiting.
std::string ReceiveSome(const Descriptor& client);

// As one chunk of the chunked transfer coding.
std::string Chunked(std::string_view body);

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_CONNECTION_H_
