// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/parallax-ssl/parallax/embed"

// request asks package embed for the source's embeddings.
func (s *Source) request(out string) embed.Request {
	q := embed.Request{Run: s.Run, Data: s.Data, Out: out, Layer: s.Layer, Mirror: s.Mirror, Threads: s.Threads}
	if s.Progress != nil {
		q.Progress = func(p embed.Progress) { s.Progress("embedding", int64(p.Done), int64(p.Of)) }
	}
	return q
}
