package matrixjs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestInNodeOnOneServer(t *testing.T) {
	node := installed(t, "node") // the one that this SDK wants
	server := record(t, testserver.New(t))
	runNode(t, node, scenario{Alice: server.URL, Bob: server.URL, Rounds: 3, Messages: 20})
}

func TestInNodeOnTwoServers(t *testing.T) {
	node := installed(t, "node")
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alpha, beta := record(t, servers[0]), record(t, servers[1])
	runNode(t, node, scenario{Alice: alpha.URL, Bob: beta.URL, Rounds: 3, Messages: 20})
}

func runNode(t *testing.T, node string, s scenario) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, node, "node.js")
	command.Env = append(os.Environ(), "SCENARIO="+string(text))
	command.Stderr = t.Output()
	output, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, output)
	}
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	checkReports(t, lines[len(lines)-1])
}
