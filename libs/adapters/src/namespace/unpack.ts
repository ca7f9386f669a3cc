/**
 * Reads a layer (tar) from standard input into the folder argv[1]. With argv[2] `overlay` deletions become what
 * overlayfs reads as deletions; with `merge` they delete. It confines itself to the folder first: no name and no link in
 * a layer leads out of it. Device nodes are left out. Python, because every machine with Ansible has it, and because
 * neither tar nor the shell sets extended attributes and deletes without following links.
 */
export const UNPACK = `
import os, shutil, stat, sys, tarfile
target, mode = sys.argv[1:3]
os.umask(0)
os.chroot(target)
os.chdir('/')
XATTR = 'SCHILY.xattr.'
dates, fresh = [], set()

def parts(name):
    kept = [part for part in name.split('/') if part not in ('', '.')]
    if '..' in kept: raise ValueError('the layer names a path outside itself: ' + name)
    return kept

def remove(path):
    try: kind = os.lstat(path).st_mode
    except OSError: return
    shutil.rmtree(path) if stat.S_ISDIR(kind) else os.unlink(path)

def hide(folder, name):
    if name == '.wh..opq' and mode == 'overlay': os.setxattr(folder or '.', 'user.overlay.opaque', b'y')
    elif name == '.wh..opq':
        for child in os.listdir(folder or '.'):
            if os.path.join(folder, child) not in fresh: remove(os.path.join(folder, child))
    elif name.startswith('.wh.'): return
    elif mode == 'overlay':
        remove(os.path.join(folder, name))
        os.mknod(os.path.join(folder, name), stat.S_IFCHR, os.makedev(0, 0))
    else: remove(os.path.join(folder, name))

def make(archive, entry, path):
    if entry.isdir():
        if os.path.islink(path) or not os.path.isdir(path):
            remove(path)
            os.mkdir(path)
    else:
        remove(path)
        if entry.isreg():
            with open(path, 'wb') as file: shutil.copyfileobj(archive.extractfile(entry), file, 1 << 20)
        elif entry.issym(): os.symlink(entry.linkname, path)
        elif entry.islnk(): os.link('/'.join(parts(entry.linkname)), path, follow_symlinks=False)
        elif entry.isfifo(): os.mkfifo(path)
        else: return
    if entry.islnk(): return
    os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if not entry.issym(): os.chmod(path, entry.mode)
    for key, value in entry.pax_headers.items():
        if key.startswith(XATTR):
            os.setxattr(path, key[len(XATTR):], value.encode('utf-8', 'surrogateescape'), follow_symlinks=False)
    if entry.isdir(): dates.append((path, entry.mtime))
    else: os.utime(path, (entry.mtime, entry.mtime), follow_symlinks=False)

with tarfile.open(fileobj=sys.stdin.buffer, mode='r|', encoding='utf-8', errors='surrogateescape') as archive:
    for entry in archive:
        names = parts(entry.name)
        if not names:
            os.chown('.', entry.uid, entry.gid)
            os.chmod('.', entry.mode)
            dates.append(('.', entry.mtime))
            continue
        if names[0] == 'dev' and len(names) > 1: continue
        folder, name = '/'.join(names[:-1]), names[-1]
        if folder: os.makedirs(folder, mode=0o755, exist_ok=True)
        if name.startswith('.wh.'):
            hide(folder, name[4:])
            continue
        path = '/'.join(names)
        for depth in range(len(names)): fresh.add('/'.join(names[:depth + 1]))
        make(archive, entry, path)
for path, mtime in reversed(dates):
    if os.path.isdir(path): os.utime(path, (mtime, mtime))
`;
