// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/parallax-ssl/parallax/internal/loopback"
)

// leastToken is the length of a token in characters: 128 bits in hexadecimal, and more than that in base 32 or 64.
const leastToken = 22

// policy allows a page what it has from this server, and nothing else: no script or style within the page, no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
	"connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'"

// guarded puts the rules for every request before next.
//
//   - On the loopback the Host must be a name of this machine: a page of another site can make a browser ask here under
//     that site's name (DNS rebinding).
//   - Requests from other sites may open a page, as a link does, and nothing else. Sec-Fetch-Site or Origin tells.
//   - Elsewhere than on the loopback every request needs the token, and everywhere each request that changes something.
//   - A token in the URL becomes a cookie, and the browser is sent to the URL without it.
func (s *Server) guarded(next http.Handler) http.Handler {
	changes := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		if s.local && !loopback.Host(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "the Host %.100q is not this machine's loopback", r.Host)
			return
		}
		if !ownSite(r) {
			refuse(w, http.StatusForbidden, "another site asks for this")
			return
		}
		if err := changes.Check(r); err != nil {
			refuse(w, http.StatusForbidden, "another site asks for a change")
			return
		}
		if q := r.URL.Query(); q.Has("token") && r.Method == http.MethodGet {
			if !s.is(q.Get("token")) {
				refuse(w, http.StatusUnauthorized, "the token is another one: open the address that was printed at "+
					"the start")
				return
			}
			http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: s.o.Token, Path: "/", HttpOnly: true,
				SameSite: http.SameSiteStrictMode})
			q.Del("token")
			to := url.URL{Path: path.Clean("/" + r.URL.Path), RawQuery: q.Encode()} // "//name" would be another host
			http.Redirect(w, r, to.String(), http.StatusSeeOther)
			return
		}
		if known := s.bears(r); !known && (!s.local || !safe(r.Method)) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="parallax"`)
			refuse(w, http.StatusUnauthorized, "this needs the token: open the address that was printed at the start")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// safe reports whether requests of a method change nothing.
func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// ownSite reports whether a request comes from a page of this server, from no page, or opens a page. Browsers say so;
// other programs send no such header.
func ownSite(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" { // "null" is of no site of ours
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return safe(r.Method) && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document" &&
		!strings.HasPrefix(r.URL.Path, "/api/")
}

// bears reports whether a request has the token, in its cookie or in the header Authorization.
func (s *Server) bears(r *http.Request) bool {
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") &&
		s.is(strings.TrimSpace(token)) {
		return true
	}
	c, err := r.Cookie(s.cookie)
	return err == nil && s.is(c.Value)
}

// is compares a token with the server's. It takes the same time whatever was sent.
func (s *Server) is(token string) bool {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.o.Token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// cookieName is the name of the token's cookie. Cookies are shared by the ports of a host, so it has the port.
func cookieName(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return "parallax_" + port
}
