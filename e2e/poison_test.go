package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A content that is refused is as good as one that arrives. What must not be is
// that one is accepted and then stops everything behind it, on its way or at its
// end.
func TestDeepContentsStopNothing(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alice := servers[0].Device("alice", "PHONE")
	for _, bob := range []*testserver.Client{servers[0].Device("bob", "HERE"), servers[1].Device("bob", "THERE")} {
		t.Run(bob.Device.ID, func(t *testing.T) {
			ledger := testserver.NewLedger()
			receiver := testserver.NewReceiver(bob, ledger)
			// Go's JSON takes 10,000 levels, all around the content included.
			for _, depth := range []int{50, 5000, 9989, 9990, 9991, 9992, 9993, 9994, 9995, 9996, 9997, 9998, 20_000} {
				message := ledger.Sending(alice.Device, bob.Device)
				switch status, code := put(t, alice, fmt.Sprint(bob.Device.ID, depth), deepBody(bob.Device, message, depth)); status {
				case http.StatusOK:
					ledger.Accepted(message)
				case http.StatusBadRequest:
				default:
					t.Errorf("%d levels: got %d %s, want 200 or 400", depth, status, code)
				}
			}
			send(t, alice, ledger, 1, bob.Device)
			settle(t, ledger, receiver)
		})
	}
}

// deepBody is a body whose one content has so many levels.
func deepBody(to testserver.Device, message testserver.Message, depth int) []byte {
	open, close := strings.Repeat("[", depth-1), strings.Repeat("]", depth-1)
	return fmt.Appendf(nil, `{"messages":{%q:{%q:{"stamp":%q,"x":%s1%s}}}}`, to.User, to.ID, message.Stamp(), open, close)
}
