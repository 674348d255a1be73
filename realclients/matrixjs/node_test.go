package matrixjs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/realclients/programs"
)

func TestInNodeOnOneServer(t *testing.T) {
	program := node(t)
	server := record(t, testserver.New(t))
	checkReports(t, play(t, program, scenario{Alice: server.URL, Bob: server.URL, Rounds: 3, Messages: 20})(), calm)
}

func TestInNodeOnTwoServers(t *testing.T) {
	program := node(t)
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alpha, beta := record(t, servers[0]), record(t, servers[1])
	checkReports(t, play(t, program, scenario{Alice: alpha.URL, Bob: beta.URL, Rounds: 3, Messages: 20})(), calm)
}

// The clients send on while a server is killed and started again, then the other.
func TestInNodeThroughKills(t *testing.T) {
	program := node(t)
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	recorders := []*recorder{record(t, servers[0]), record(t, servers[1])}
	played := play(t, program, scenario{Alice: recorders[0].URL, Bob: recorders[1].URL, Rounds: 6, Messages: 20})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i, r := range recorders {
		if err := r.await(ctx, 30*(i+1)); err != nil {
			t.Fatal(err)
		}
		r.killed.Store(true)
		servers[i].Kill()
		servers[i].Start()
	}
	checkReports(t, played(), shaken)
}

// node gives the Node that this SDK wants.
func node(t *testing.T) string { return programs.Installed(t, "node") }

// play begins the scenario, and gives a function that waits for its reports.
func play(t *testing.T, node string, s scenario) (wait func() []byte) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	command := exec.CommandContext(ctx, node, "node.js")
	command.Env = append(os.Environ(), "SCENARIO="+string(text))
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		err = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return func() []byte {
		t.Helper()
		<-ended
		if err != nil {
			t.Fatalf("node: %v\n%s", err, output.Bytes())
		}
		lines := bytes.Split(bytes.TrimSpace(output.Bytes()), []byte("\n"))
		return lines[len(lines)-1]
	}
}
