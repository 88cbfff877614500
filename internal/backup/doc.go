// Package backup is the file in which a node is carried away: a gzipped tar of parts and, last, a manifest with the SHA-256 of
// each. It knows neither what the parts are nor who makes them; the node writes them with a Writer and takes them back with
// Read, which lets nobody see a part of a file that is not whole.
//
//	w := backup.NewWriter(out, backup.Manifest{Node: "eu1"})
//	err = w.Add("log/snapshot", bytes)
//	err = w.Close(nil)
//
//	m, err := backup.Read(in, dir) // dir/log/snapshot is there, checked
package backup
