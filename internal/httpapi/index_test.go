package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// TestIndexAnswersAsTheRouterDoes asks both for everything that routes and their order
// make different.
func TestIndexAnswersAsTheRouterDoes(t *testing.T) {
	router := httpapi.NewRouter()
	for _, route := range []struct{ method, path string }{
		{"GET", "/a"}, {"PUT", "/a"}, {"GET", "/a/"}, {"GET", "/"},
		{"PUT", "/a/{x}/{y}"}, {"PUT", "/a/{x}/end"}, {"PUT", "/a/b/{z}"},
		{"GET", "/one/{x}"}, {"GET", "/one/two"},
		{"GET", "/first/second"}, {"GET", "/first/{x}"},
		{"GET", "/deep/{x}/mid/{y}"}, {"GET", "/deep/{x}/end"},
		{"GET", "/rest/{x:.*}"}, {"GET", "/mixed/v{x}"},
		{"GET", "/perhaps/{x:[^/]*}/of/{y:[^/]*}"}, {"GET", "/perhaps/{x:[^/]*}/both/{y}"}, {"PUT", "/perhaps/{x:[^/]*}"},
		{"GET", "/strict/{x:[0-9]*}"}, {"GET", "/clash/{x:[^/]*}/b"}, {"GET", "/clash/a/{y}"},
	} {
		router.HandleFunc(route.path, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s %v", route.method, route.path, mux.Vars(r))
		}).Methods(route.method)
	}
	router.PathPrefix("/under/").Subrouter().HandleFunc("/{x}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "under ", mux.Vars(r))
	}).Methods("GET")
	index := httpapi.Index(router)
	for _, method := range []string{"GET", "PUT", "POST"} {
		for _, path := range []string{
			"/", "/a", "/a/", "/a//", "//a", "/a/b", "/a/b/c", "/a/b/end", "/a/x/end", "/a/b/c/d", "/a//c", "/a/%2F/c", "/a/b%20/c?q=/a",
			"/%61", "/one/two", "/one/%74wo", "/one/2", "/one/", "/first/second", "/first/2", "/deep/1/mid/2", "/deep/1/mid/", "/deep/1/end",
			"/deep/mid/mid/mid", "/rest/a/b", "/mixed/v1", "/mixed/x1", "/under/1", "/under/", "/under/1/2", "/nothing",
			"/perhaps/1/of/2", "/perhaps//of/", "/perhaps//of/2", "/perhaps/1/of/", "/perhaps/1/of", "/perhaps//both/", "/perhaps//both/2",
			"/perhaps/%2F/of/%20", "/clash/a/b", "/clash/a/c", "/clash/c/b", "/clash//b", "/perhaps/", "/perhaps", "/perhaps/1", "/strict/1", "/strict/a", "/strict/",
		} {
			want, got := answer(router, method, path), answer(index, method, path)
			if got != want {
				t.Errorf("%s %s: the index answers %q, the router %q", method, path, got, want)
			}
		}
	}
}

// TestIndexFindsRoutesWithoutTheRouter counts how often the router looks at its first
// route.
func TestIndexFindsRoutesWithoutTheRouter(t *testing.T) {
	router := httpapi.NewRouter()
	asked := 0
	router.NewRoute().MatcherFunc(func(*http.Request, *mux.RouteMatch) bool { asked++; return false })
	for _, path := range []string{"/a", "/a/{x}/b/{y}", "/perhaps/{x:[^/]*}/of/{y:[^/]*}"} {
		router.HandleFunc(path, func(http.ResponseWriter, *http.Request) {}).Methods("PUT")
	}
	index := httpapi.Index(router)
	for path, want := range map[string]int{"/a": 0, "/a/1/b/2": 0, "/perhaps/1/of/2": 0, "/perhaps//of/": 0, "/nothing": 1} {
		asked = 0
		if answer(index, "PUT", path); asked != want {
			t.Errorf("%s: the router was asked %d times, want %d", path, asked, want)
		}
	}
}

func answer(h http.Handler, method, path string) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return fmt.Sprint(w.Code, " ", w.Body)
}

// BenchmarkIndex measures what it costs to find a route behind many others.
func BenchmarkIndex(b *testing.B) {
	router := httpapi.NewRouter()
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for i := range 10 {
		router.Handle(fmt.Sprint("/_matrix/client/v3/other", i), nothing).Methods(http.MethodGet)
	}
	router.Handle("/_matrix/client/v3/sendToDevice/{eventType}/{txnId}", nothing).Methods(http.MethodPut)
	for name, handler := range map[string]http.Handler{"router": router, "index": httpapi.Index(router)} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPut, "/_matrix/client/v3/sendToDevice/m.test/1", nil)
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(nil, r)
			}
		})
	}
}
