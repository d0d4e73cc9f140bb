// SPDX-License-Identifier: Apache-2.0

// Package objects reads buckets of object stores by Go CDK's blob: s3://, gs://, azblob:// and file://. A program links
// the drivers that it wants, such as gocloud.dev/blob/s3blob. Credentials come from where each provider's own tools
// look for them, and are in no error and no log.
package objects

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Bucket is an opened bucket.
type Bucket struct {
	bucket *blob.Bucket
	name   string // its address without the query, which may hold secrets
	wait   func(ctx context.Context, try int) error
}

// Object is an object of a bucket, as it was when it was listed.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	MD5      []byte // of its content; nil: the store does not say it
}

// Version tells the contents of an object's key apart.
func (o Object) Version() string {
	if len(o.MD5) > 0 {
		return fmt.Sprintf("%d %x", o.Size, o.MD5)
	}
	return fmt.Sprintf("%d %d", o.Size, o.Modified.UnixNano())
}

var scheme = regexp.MustCompile(`^([a-z][a-z0-9+.-]*)://`)

// IsURL reports whether a path names objects of a bucket.
func IsURL(path string) bool { return scheme.MatchString(path) }

// Split splits an address, such as s3://bucket/shards/*.tar?region=eu-west-1, into that of the bucket and the pattern
// of the keys. A bucket of file:// is the folder before the first part with a wildcard or a brace.
func Split(address string) (bucket, pattern string, err error) {
	base, query := address, ""
	if at := strings.LastIndexByte(address, '?'); at >= 0 && strings.Contains(address[at:], "=") { // else a wildcard
		base, query = address[:at], address[at:]
	}
	if rest, ok := strings.CutPrefix(base, "file://"); ok {
		dir := rest
		if at := strings.IndexAny(rest, "*?[{"); at >= 0 {
			dir = rest[:at]
		}
		at := strings.LastIndexByte(dir, '/')
		if at < 0 {
			return "", "", errors.New("a file:// address needs a whole path, such as file:///data/shards/*.tar")
		}
		return "file://" + rest[:at+1] + query, rest[at+1:], nil
	}
	from := strings.Index(base, "://") + len("://")
	at := strings.IndexByte(base[from:], '/')
	if at <= 0 {
		return "", "", errors.New("it names a bucket and no objects: give a pattern, such as s3://bucket/shards/*.tar")
	}
	return base[:from+at] + query, base[from+at+1:], nil
}

// Open opens a bucket.
func Open(ctx context.Context, address string) (*Bucket, error) {
	name, _, _ := strings.Cut(address, "?")
	b, err := blob.OpenBucket(ctx, address)
	if err != nil {
		if m := scheme.FindStringSubmatch(address); m != nil && strings.Contains(err.Error(), "no driver registered") {
			return nil, fmt.Errorf("opening %s: this program is built without a driver for %s://", name, m[1])
		}
		return nil, clean(fmt.Errorf("opening %s: %w", name, err))
	}
	return &Bucket{b, name, backOff}, nil
}

// Close closes the bucket.
func (b *Bucket) Close() error { return b.bucket.Close() }

// Name is the bucket's address without its query.
func (b *Bucket) Name() string { return b.name }

// mostObjects is how many objects a listing may have.
const mostObjects = 10_000_000

// List returns the objects whose keys match one of the patterns, as path.Match does, in the order of the keys.
func (b *Bucket) List(ctx context.Context, patterns []string) ([]Object, error) {
	prefix := common(patterns)
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("the pattern %s: %w", p, err)
		}
	}
	literal := map[string]bool{}
	var wild []string
	for _, p := range patterns {
		if strings.ContainsAny(p, `*?[\`) {
			wild = append(wild, p)
		} else {
			literal[p] = true
		}
	}
	var all []Object
	for try := 0; ; try++ {
		all = all[:0]
		it := b.bucket.List(&blob.ListOptions{Prefix: prefix})
		var err error
		for {
			var o *blob.ListObject
			if o, err = it.Next(ctx); err != nil {
				break
			}
			if o.IsDir || !literal[o.Key] && !matches(wild, o.Key) {
				continue
			}
			if all = append(all, Object{o.Key, o.Size, o.ModTime, o.MD5}); len(all) > mostObjects {
				return nil, fmt.Errorf("%s has more than %d such objects", b.name, mostObjects)
			}
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err = b.again(ctx, try, err); err != nil {
			return nil, clean(fmt.Errorf("listing %s: %w", b.name, err))
		}
	}
}

func matches(patterns []string, key string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, key); ok {
			return true
		}
	}
	return false
}

// common is what all patterns begin with, before any wildcard.
func common(patterns []string) string {
	var prefix string
	for i, p := range patterns {
		if at := strings.IndexAny(p, `*?[\`); at >= 0 {
			p = p[:at]
		}
		if i == 0 {
			prefix = p
		}
		for !strings.HasPrefix(p, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}

// The bounds of Fetch.
const (
	mostTries = 8                // without a byte of progress
	stall     = 30 * time.Second // without a byte, after which a connection is given up
)

// ErrChanged is wrapped by the error of an object that is no longer what was listed.
var ErrChanged = errors.New("the object has changed since it was listed")

// Fetch writes the whole content of an object to w. A connection that breaks or stalls is opened again where it broke.
// It is an error if the content is not that of the listing: another size, or another MD5 where the store says it.
func (b *Bucket) Fetch(ctx context.Context, o Object, w io.Writer) error {
	sum := md5.New()
	done, tries := int64(0), 0
	for done < o.Size || done == 0 && o.Size == 0 {
		n, err := b.part(ctx, o, done, io.MultiWriter(w, sum))
		if done += n; n > 0 {
			tries = 0
		}
		if err == nil && done < o.Size {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			break
		}
		if errors.As(err, new(*writeError)) || errors.Is(err, ErrChanged) {
			return b.failed(o, err)
		}
		if err = b.again(ctx, tries, err); err != nil {
			return b.failed(o, err)
		}
		tries++
	}
	return b.verify(o, done, sum)
}

func (b *Bucket) verify(o Object, size int64, sum hash.Hash) error {
	if size != o.Size || len(o.MD5) > 0 && string(sum.Sum(nil)) != string(o.MD5) {
		return b.failed(o, ErrChanged)
	}
	return nil
}

func (b *Bucket) failed(o Object, err error) error {
	return clean(fmt.Errorf("reading %s of %s: %w", o.Key, b.name, err))
}

// writeError is an error of the writer: trying again does not help.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

// part writes the content from an offset on, as far as one connection carries it.
func (b *Bucket) part(ctx context.Context, o Object, from int64, w io.Writer) (n int64, err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	watch := time.AfterFunc(stall, func() { end(fmt.Errorf("no byte has come for %v", stall)) })
	defer watch.Stop()
	r, err := b.bucket.NewRangeReader(ctx, o.Key, from, -1, nil)
	if err != nil {
		return 0, errors.Join(err, context.Cause(ctx))
	}
	defer r.Close()
	if r.Size() != o.Size || !r.ModTime().IsZero() && !o.Modified.IsZero() &&
		r.ModTime().Truncate(time.Second).After(o.Modified) {
		return 0, ErrChanged
	}
	buffer := make([]byte, 256<<10)
	for {
		k, err := r.Read(buffer)
		if k > 0 {
			watch.Reset(stall)
			if _, failed := w.Write(buffer[:k]); failed != nil {
				return n, &writeError{failed}
			}
			n += int64(k)
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, errors.Join(err, context.Cause(ctx))
		}
	}
}

// again waits before another try after an error, or returns the error if that does not help.
func (b *Bucket) again(ctx context.Context, try int, err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.FailedPrecondition,
		gcerrors.Unimplemented:
		return err
	}
	if try+1 >= mostTries {
		return fmt.Errorf("%w (tried %d times)", err, mostTries)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return b.wait(ctx, try)
}

// backOff waits twice as long each time, up to 20 seconds, and a random part less.
func backOff(ctx context.Context, try int) error {
	most := min(20*time.Second, 100*time.Millisecond<<min(try, 10))
	select {
	case <-time.After(most/2 + rand.N(most/2)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var secret = regexp.MustCompile(`(?i)\?[^ "']*|(authorization|signature|token|credential|secret)[=:] ?[^ ,"']+`)

// clean takes queries and what looks like a credential out of an error's text.
func clean(err error) error {
	text := secret.ReplaceAllString(err.Error(), "")
	return &cleaned{strings.Join(strings.Fields(text), " "), err}
}

type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }
