package host

import "strings"

// locked tells whether the lock, where there is one, lets a program be started.
func (h *Host) locked(name, path, sum string) error {
	if h.options.Checksums == nil {
		return nil
	}
	want, there := h.options.Checksums[name]
	want = strings.ToLower(strings.TrimPrefix(want, "sha256:"))
	switch {
	case !there:
		return fail(fatal, "connector.not_locked",
			"the connector %s is not in the project's lock and is not started: kopru connector lock adds it [connector.not_locked]", name)
	case want == "":
		return fail(fatal, "connector.not_locked",
			"the project's lock has no checksum of the connector %s for this platform, and it is not started: kopru connector lock adds it [connector.not_locked]", name)
	case want != sum:
		return fail(fatal, "connector.checksum",
			"the connector %s (%s) is not the one that was locked: its sha256 is %s, %s was expected; it is not started. "+
				"kopru connector install brings the one that was locked [connector.checksum]", name, path, sum, want)
	}
	return nil
}

// Program returns the file of an installed connector, and its checksum as a lock writes it.
func (h *Host) Program(name string) (path, sum string, err error) {
	if path, err = h.find(name); err != nil {
		return "", "", err
	}
	sum, err = h.checksum(path)
	return path, "sha256:" + sum, err
}
