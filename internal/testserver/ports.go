package testserver

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are taken from below the range the system gives to outgoing connections:
// otherwise one could be gone when a server that was down comes back to it.
const firstPort, lastPort = 20_000, 32_000

// freeAddress gives a loopback address with a TCP port that nobody listens at.
// Until the test ends no other test gets the same, in whatever process: the UDP
// port of the same number is held as the sign that it is taken.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 200 {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort))
		claim, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			t.Cleanup(func() { _ = claim.Close() })
			return address
		}
		_ = claim.Close()
	}
	t.Fatal("testserver: no free port was found")
	return ""
}
