dnl The libtool versions (current:revision:age) of the shared libraries, kept here and nowhere else.
dnl Bump as the libtool manual says: code changed -> revision; interfaces added -> current, age; removed -> current, age = 0.
m4_define([LIBGANGER_VERSION], [0:0:0])
m4_define([LIBGANGER_CONTROL_VERSION], [0:0:0])
