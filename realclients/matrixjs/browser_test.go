package matrixjs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/realclients/programs"
)

// The page is from another origin than both servers, so that all the client does
// there has to pass the browser's checks.
func TestInBrowserOnTwoServers(t *testing.T) {
	chromium, esbuild := programs.Chromium(t), programs.Installed(t, "esbuild")
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alpha, beta := record(t, servers[0]), record(t, servers[1])
	page, told := servePage(t, bundle(t, esbuild), scenario{Alice: alpha.URL, Bob: beta.URL, Rounds: 3, Messages: 20})
	browse(t, chromium, page, told)
	for _, r := range []*recorder{alpha, beta} {
		if !r.saw(http.MethodOptions) {
			t.Errorf("the browser did not ask %s whether the page may", r.URL)
		}
	}
}

func (r *recorder) saw(method string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.exchanges, func(e exchange) bool { return e.method == method })
}

// browse opens the page, and waits for what it tells.
func browse(t *testing.T, chromium, page string, told <-chan outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var complaints bytes.Buffer
	ended := programs.Open(ctx, t, chromium, page, &complaints)
	select {
	case outcome := <-told:
		cancel()
		<-ended
		if outcome.failed {
			t.Fatalf("in the page: %s", outcome.text)
		}
		checkReports(t, outcome.text, calm)
	case err := <-ended:
		t.Fatalf("the browser ended before the page was done: %v\n%s", errors.Join(err, ctx.Err()), complaints.Bytes())
	}
}

// An outcome is what the page tells: the reports, or why there are none.
type outcome struct {
	failed bool
	text   []byte
}

// servePage serves a page with the script, which plays the scenario, and what it needs.
func servePage(t *testing.T, script string, s scenario) (url string, told <-chan outcome) {
	t.Helper()
	tell := make(chan outcome, 1)
	files := http.NewServeMux()
	files.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>realclients</title><script type="module" src="page.js"></script>`)
	})
	files.HandleFunc("GET /page.js", func(w http.ResponseWriter, q *http.Request) { http.ServeFile(w, q, script) })
	files.Handle("GET /pkg/", http.FileServer(http.Dir("node_modules/@matrix-org/matrix-sdk-crypto-wasm")))
	files.HandleFunc("GET /scenario", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(s) })
	files.HandleFunc("POST /{outcome}", func(_ http.ResponseWriter, q *http.Request) {
		text, err := io.ReadAll(q.Body)
		if err != nil {
			t.Errorf("read what the page tells: %v", err)
		}
		tell <- outcome{failed: q.PathValue("outcome") != "result", text: text}
	})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	return server.URL, tell
}

// bundle makes one file of the page's script and all it imports.
func bundle(t *testing.T, esbuild string) (script string) {
	t.Helper()
	script = filepath.Join(t.TempDir(), "page.js")
	output, err := exec.CommandContext(t.Context(), esbuild, "page.js", "--bundle", "--format=esm", "--log-level=warning",
		"--outfile="+script).CombinedOutput()
	if err != nil {
		t.Fatalf("bundle the page: %v\n%s", err, output)
	}
	return script
}
