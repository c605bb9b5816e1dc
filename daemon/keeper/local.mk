# keeper
noinst_HEADERS += lib/base/fault.h daemon/options.h daemon/keeper/protocol.h
