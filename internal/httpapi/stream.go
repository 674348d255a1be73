package httpapi

import (
	"bufio"
	"context"
	"io"
	"net/http"

	"github.com/sirupsen/logrus"
)

// A Stream is an answer that may be too large to be held whole. It writes its JSON,
// and ends with the first error of the writer.
type Stream func(io.Writer) error

// writeStream writes a success answer. What fails in the middle of it can only be
// shown by an answer that does not end.
func writeStream(ctx context.Context, w http.ResponseWriter, log *logrus.Entry, stream Stream) {
	w.Header()["Content-Type"] = jsonContentType
	buffered := bufio.NewWriterSize(w, 64<<10)
	err := stream(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		return
	}
	if ctx.Err() == nil {
		log.WithError(err).Error("an answer could not be finished")
	}
	panic(http.ErrAbortHandler)
}
