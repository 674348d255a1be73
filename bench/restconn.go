package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
)

// A restConn is a connection on which RTM requests are made, one at a time. It does
// what net/http's client does for such requests, at a fraction of the price: the cores
// are the server's.
type restConn struct {
	conn   net.Conn
	in     *bufio.Reader
	hangUp func() bool // gives up hanging up when the context ends
	head   string      // between path and length of a request
	out    []byte
	answer []byte
}

// dialREST connects to host:port. The connection is closed when ctx ends.
func dialREST(ctx context.Context, address string) (*restConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	return &restConn{
		conn:   conn,
		in:     bufio.NewReaderSize(conn, 1<<10),
		hangUp: context.AfterFunc(ctx, func() { _ = conn.Close() }),
		head: " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: " + rtmAuthorization() +
			"\r\nContent-Type: application/json\r\nContent-Length: ",
	}, nil
}

func (c *restConn) close() {
	c.hangUp()
	_ = c.conn.Close() // nothing is under way
}

// post gives the body of the answer, which is valid until the next request. An answer
// other than 200 is an error.
func (c *restConn) post(path string, body []byte) ([]byte, error) {
	c.out = append(c.out[:0], "POST "...)
	c.out = append(c.out, path...)
	c.out = append(c.out, c.head...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	_, err := c.conn.Write(c.out)
	if err == nil {
		err = c.read()
	}
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	return c.answer, nil
}

// read takes an answer that says how long it is.
func (c *restConn) read() error {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	good := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	status := ""
	if !good {
		status = string(bytes.TrimSpace(line))
	}
	length := -1
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if digits, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(digits)); err != nil {
				return fmt.Errorf("read the length: %w", err)
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without a length: %s", status)
	}
	c.answer = append(c.answer[:0], make([]byte, length)...)
	if _, err := io.ReadFull(c.in, c.answer); err != nil {
		return err
	}
	if !good {
		return fmt.Errorf("%s: %.200s", status, c.answer)
	}
	return nil
}
