package arrtm_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/chappe-im/chappe/realclients/programs"
)

func TestInNode(t *testing.T) {
	node := programs.Installed(t, "node")
	play(t, func(t *testing.T) *program {
		return newProgram(t, http.NotFoundHandler(), func(ctx context.Context, url string) <-chan error {
			command := exec.CommandContext(ctx, node, "node.js")
			command.Env = append(os.Environ(), "TEST="+url)
			command.Stdout, command.Stderr = t.Output(), t.Output()
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- command.Wait() }()
			return ended
		})
	})
}

// The page is from another origin than the servers, so that all the SDK does there has to
// pass the browser's checks.
func TestInBrowser(t *testing.T) {
	chromium := programs.Chromium(t)
	programs.Installed(t, "node") // without npm ci there is no SDK either
	play(t, func(t *testing.T) *program {
		return newProgram(t, page(), func(ctx context.Context, url string) <-chan error {
			var complaints bytes.Buffer
			ended := programs.Open(ctx, t, chromium, url+"/", &complaints)
			explained := make(chan error, 1)
			go func() {
				if err := <-ended; err != nil {
					explained <- errors.Join(err, errors.New(complaints.String()))
				}
				close(explained)
			}()
			return explained
		})
	})
}

// page serves the page and what it needs.
func page() http.Handler {
	files := http.NewServeMux()
	files.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>realclients</title><script type="module" src="page.js"></script>`)
	})
	for name, file := range map[string]string{
		"page.js": "page.js", "driver.js": "driver.js",
		"sdk.js": "node_modules/ar-rtm-sdk/dist/ArRTM@latest.js",
	} {
		files.HandleFunc("GET /"+name, func(w http.ResponseWriter, q *http.Request) { http.ServeFile(w, q, file) })
	}
	return files
}

// play lets every scenario happen, each with a program of its own.
func play(t *testing.T, start func(*testing.T) *program) {
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(p)
				}
			})
			scenario(t, p)
		})
	}
}
